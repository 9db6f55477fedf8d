public import ApusPrimitives
public import Foundation

extension Bytes {
    /// Of a message's field.
    public init(_ data: Data) {
        self.init(data.isEmpty ? [] : [UInt8](data))
    }

    /// For a message's field.
    public var data: Data { Data(array) }
}
