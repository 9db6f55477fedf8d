import NIOCore
import Testing

@testable import ApusGRPC

/// The examples of RFC 7541, appendix C, each with the size of the table after it.
struct HPACKExampleTests {
    struct Block: Sendable {
        let hex: String
        let fields: [String]
        let tableBytes: Int

        init(_ hex: String, _ fields: [String], _ tableBytes: Int) {
            (self.hex, self.fields, self.tableBytes) = (hex, fields, tableBytes)
        }
    }

    struct Example: Sendable, CustomTestStringConvertible {
        let section: String
        let tableSize: Int
        let blocks: [Block]

        init(_ section: String, tableSize: Int, _ blocks: [Block]) {
            (self.section, self.tableSize, self.blocks) = (section, tableSize, blocks)
        }

        var testDescription: String { section }
    }

    static let examples = [
        Example(
            "C.2.1", tableSize: 4096,
            [
                Block("400a637573746f6d2d6b65790d637573746f6d2d686561646572", ["custom-key: custom-header"], 55)
            ]),
        Example(
            "C.2.2", tableSize: 4096,
            [
                Block("040c2f73616d706c652f70617468", [":path: /sample/path"], 0)
            ]),
        Example(
            "C.2.3", tableSize: 4096,
            [
                Block("100870617373776f726406736563726574", ["password: secret"], 0)
            ]),
        Example(
            "C.2.4", tableSize: 4096,
            [
                Block("82", [":method: GET"], 0)
            ]),
        Example(
            "C.3", tableSize: 4096,
            [
                Block(
                    "828684410f7777772e6578616d706c652e636f6d",
                    [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"], 57),
                Block(
                    "828684be58086e6f2d6361636865",
                    [
                        ":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com",
                        "cache-control: no-cache",
                    ], 110),
                Block(
                    "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
                    [
                        ":method: GET", ":scheme: https", ":path: /index.html", ":authority: www.example.com",
                        "custom-key: custom-value",
                    ], 164),
            ]),
        Example(
            "C.4", tableSize: 4096,
            [
                Block(
                    "828684418cf1e3c2e5f23a6ba0ab90f4ff",
                    [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"], 57),
                Block(
                    "828684be5886a8eb10649cbf",
                    [
                        ":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com",
                        "cache-control: no-cache",
                    ], 110),
                Block(
                    "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
                    [
                        ":method: GET", ":scheme: https", ":path: /index.html", ":authority: www.example.com",
                        "custom-key: custom-value",
                    ], 164),
            ]),
        Example(
            "C.5", tableSize: 256,
            [
                Block(
                    "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a32"
                        + "3120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d",
                    [
                        ":status: 302", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:21 GMT",
                        "location: https://www.example.com",
                    ], 222),
                Block(
                    "4803333037c1c0bf",
                    [
                        ":status: 307", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:21 GMT",
                        "location: https://www.example.com",
                    ], 222),
                Block(
                    "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a6970"
                        + "7738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d61"
                        + "67653d333630303b2076657273696f6e3d31",
                    [
                        ":status: 200", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:22 GMT",
                        "location: https://www.example.com", "content-encoding: gzip",
                        "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
                    ], 215),
            ]),
        Example(
            "C.6", tableSize: 256,
            [
                Block(
                    "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad"
                        + "171863c78f0b97c8e9ae82ae43d3",
                    [
                        ":status: 302", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:21 GMT",
                        "location: https://www.example.com",
                    ], 222),
                Block(
                    "4883640effc1c0bf",
                    [
                        ":status: 307", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:21 GMT",
                        "location: https://www.example.com",
                    ], 222),
                Block(
                    "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2"
                        + "e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
                    [
                        ":status: 200", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:22 GMT",
                        "location: https://www.example.com", "content-encoding: gzip",
                        "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
                    ], 215),
            ]),
    ]

    @Test(arguments: examples) func decodes(_ example: Example) throws {
        let decoder = TestDecoder(maxTableSize: example.tableSize)
        for block in example.blocks {
            #expect(try decoder.decode(hex: block.hex) == block.fields)
            #expect(decoder.tableBytes == block.tableBytes)
        }
    }
}
