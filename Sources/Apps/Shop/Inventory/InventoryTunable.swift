/// What the config center can change in the inventory.
enum InventoryTunable {
    /// How long stock is set aside for an order that neither commits nor releases it.
    static let reservationSeconds = Tunable("reservation_seconds", 60, in: 1...86_400)
    static let sweepMilliseconds = Tunable("sweep_milliseconds", 1000, in: 10...60_000)

    static let all = [reservationSeconds, sweepMilliseconds]
}
