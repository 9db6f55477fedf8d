/// The block cipher under bcrypt, with the key schedule that bcrypt makes expensive.
struct Blowfish: ~Copyable {
    private static let rounds = 16
    private static let boxes = 18

    /// The subkeys, then the four boxes of substitution.
    private let state: UnsafeMutablePointer<UInt32>

    init() {
        let words = BlowfishDigits.words
        state = UnsafeMutablePointer<UInt32>.allocate(capacity: words.count)
        state.initialize(from: words, count: words.count)
    }

    deinit {
        state.update(repeating: 0, count: BlowfishDigits.words.count)
        state.deallocate()
    }

    /// Mixes a key into the state, and with it a salt, if there is one.
    func expand(key: [UInt8], salt: [UInt8] = []) {
        var position = 0
        for index in 0..<Self.boxes { state[index] ^= Self.word(of: key, &position) }
        var (left, right): (UInt32, UInt32) = (0, 0)
        position = 0
        for index in stride(from: 0, to: BlowfishDigits.words.count, by: 2) {
            if !salt.isEmpty {
                left ^= Self.word(of: salt, &position)
                right ^= Self.word(of: salt, &position)
            }
            (left, right) = encrypt(left, right)
            state[index] = left
            state[index + 1] = right
        }
    }

    func encrypt(_ left: UInt32, _ right: UInt32) -> (UInt32, UInt32) {
        let state = state
        let substitutions = state + Self.boxes
        var left = left ^ state[0]
        var right = right
        var round = 1
        while round <= Self.rounds {
            right ^= Self.mix(left, substitutions) ^ state[round]
            left ^= Self.mix(right, substitutions) ^ state[round + 1]
            round += 2
        }
        return (right ^ state[Self.rounds + 1], left)
    }

    @inline(__always)
    private static func mix(_ word: UInt32, _ boxes: UnsafeMutablePointer<UInt32>) -> UInt32 {
        let first = boxes[Int(word >> 24)] &+ boxes[256 + Int(word >> 16 & 0xFF)]
        return (first ^ boxes[512 + Int(word >> 8 & 0xFF)]) &+ boxes[768 + Int(word & 0xFF)]
    }

    /// The next four bytes, going round.
    private static func word(of bytes: [UInt8], _ position: inout Int) -> UInt32 {
        var word: UInt32 = 0
        for _ in 0..<4 {
            word = word << 8 | UInt32(bytes[position])
            position = position + 1 == bytes.count ? 0 : position + 1
        }
        return word
    }
}
