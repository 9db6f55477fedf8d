@_exported public import class ApusChannels.Signal
// Policies are written in terms of them, so whoever imports Resilience has them too; nothing else of Channels comes along.
@_exported public import struct ApusChannels.TimeSource
@_exported public import class ApusChannels.Waiter
