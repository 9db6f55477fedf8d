public import ApusPrimitives

/// How the cases of a `select` lock the channels that they have.
extension Optional {
    /// The channel's address if it is above `floor`, else `UInt.max`.
    @inlinable
    func lowestAddress<Element: ~Copyable>(above floor: UInt) -> UInt where Wrapped == Channel<Element> {
        guard let self, self.address > floor else { return .max }
        return self.address
    }

    /// Locks the channel if it is the one at `address`, and says whether it is.
    @inlinable
    func lock<Element: ~Copyable>(ifAt address: UInt) -> Bool where Wrapped == Channel<Element> {
        guard let self, self.address == address else { return false }
        self.lock.lock()
        return true
    }

    /// Unlocks the channel if it is the one at `address`, and says whether it is.
    @inlinable
    func unlock<Element: ~Copyable>(ifAt address: UInt) -> Bool where Wrapped == Channel<Element> {
        guard let self, self.address == address else { return false }
        self.lock.unlock()
        return true
    }
}
