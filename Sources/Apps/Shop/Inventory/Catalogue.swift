/// The products that ship with the shop. They are written into an empty database once; later changes are the store's.
enum Catalogue {
    struct Entry: Sendable {
        let id: String
        let name: String
        let description: String
        /// Cents.
        let price: Int64
        /// Pieces in stock at the beginning.
        let stock: Int64
    }

    /// The most products a catalogue may hold, so that one answer can list them all.
    static let maxProducts = 1000

    static let entries = [
        Entry(
            id: "nest-box", name: "Swift nest box",
            description: "Larch, with a flat entrance under the eaves. Takes a drill, four screws and patience.",
            price: 4_900, stock: 2_000),
        Entry(
            id: "binoculars", name: "Binoculars 8×42",
            description: "Bright enough for the last light, when they climb to sleep.", price: 18_900, stock: 400),
        Entry(
            id: "field-guide", name: "Field guide to European birds",
            description: "Waterproof, 480 pages; the swifts begin on page 212.", price: 2_495, stock: 3_000),
        Entry(
            id: "sky-notebook", name: "Sky notebook",
            description: "Dotted pages that lie flat and take a pencil in the rain.", price: 1_250, stock: 5_000),
        Entry(
            id: "call-player", name: "Call player",
            description: "Plays the calls of a colony at dusk, to show newcomers a free box.", price: 3_990, stock: 600),
        Entry(
            id: "enamel-mug", name: "Enamel mug",
            description: "White, with a small black sickle of wings. Survives the balcony.", price: 1_490, stock: 4_000),
        Entry(
            id: "wind-vane", name: "Wind vane",
            description: "Forged by hand; turns from the first breath of air.", price: 12_900, stock: 150),
        Entry(
            id: "window-film", name: "Window film",
            description: "Dots that birds see and you soon do not. Ten square metres.", price: 3_450, stock: 1_200),
        Entry(
            id: "rescue-kit", name: "Rescue kit",
            description: "A box, a cloth, a guide and the numbers to call when one is on the ground.",
            price: 2_990, stock: 800),
        Entry(
            id: "star-map", name: "Rotating star map",
            description: "For the hours after the birds have gone up out of sight.", price: 1_990, stock: 2_500),
        Entry(
            id: "rain-jacket", name: "Rain jacket",
            description: "Packs into its own pocket; quiet cloth that does not rustle.", price: 9_900, stock: 300),
        Entry(
            id: "first-light-print", name: "Print “First light”",
            description: "A linocut, numbered and signed. There are ten.", price: 24_000, stock: 10),
    ]
}
