@_exported public import class ApusChannels.Signal
// Time, and what waits for one outcome: whoever imports Resilience has them too. Nothing else of Channels comes along, so
// that a file which imports NIO as well has one Channel.
@_exported public import struct ApusChannels.TimeSource
@_exported public import class ApusChannels.Waiter
