import ApusPlacement
import Testing

@Suite struct XXHash64Tests {
    private static let prime32: UInt64 = 2_654_435_761

    /// The sanity buffer and values of xxHash's own `tests/sanity_test_vectors.h`.
    private static let buffer: [UInt8] = {
        var generator = prime32
        return (0..<222).map { _ in
            defer { generator &*= 11_400_714_785_074_694_797 }
            return UInt8(generator >> 56)
        }
    }()

    @Test(
        arguments: [
            (0, 0, 0xEF46_DB37_51D8_E999), (0, prime32, 0xAC75_FDA2_929B_17EF),
            (1, 0, 0xE934_A84A_DB05_2768), (1, prime32, 0x5014_6076_43A9_B4C3),
            (4, 0, 0x9136_A0DC_A574_57EE), (14, 0, 0x8282_DCC4_994E_35C8),
            (14, prime32, 0xC3BD_6BF6_3DEB_6DF0), (222, 0, 0xB641_AE8C_B691_C174),
            (222, prime32, 0x20CB_8AB7_AE10_C14A),
        ] as [(Int, UInt64, UInt64)])
    func publishedVectors(length: Int, seed: UInt64, expected: UInt64) {
        #expect(XXHash64.hash(Array(Self.buffer.prefix(length)), seed: seed) == expected)
    }

    @Test(arguments: [("a", 0xD24E_C4F1_A98C_6E5B), ("abc", 0x44BC_2CF5_AD77_0999)] as [(String, UInt64)])
    func wellKnownTexts(text: String, expected: UInt64) {
        #expect(XXHash64.hash(Array(text.utf8)) == expected)
    }
}
