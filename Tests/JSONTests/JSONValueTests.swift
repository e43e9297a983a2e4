import JSON
import TestSupport
import Testing

@Suite("Views on JSON values")
struct JSONValueTests {
    private func parse(_ text: String) throws -> JSONValue { try JSONDocument(parsing: Array(text.utf8)).root }

    @Test func `each kind is told and gives its own value only`() throws {
        let root = try parse(#"{"n":null,"t":true,"f":false,"x":1.5,"s":"a\"é","a":[1,"b"],"v":[1,2],"o":{},"e":[]}"#)
        let kinds = root.members.map { "\($0.name):\($0.value.kind)" }
        #expect(
            kinds == [
                "n:null", "t:bool", "f:bool", "x:number", "s:string", "a:array", "v:array", "o:object", "e:array",
            ]
        )
        #expect(root["n"]?.isNull == true)
        #expect(root["t"]?.bool == true)
        #expect(root["f"]?.bool == false)
        #expect(root["x"]?.double == 1.5)
        #expect(root["s"]?.string == "a\"é")
        #expect(root["s"]?.double == nil)
        #expect(root["x"]?.string == nil)
        #expect(root["v"]?.string == nil)
        #expect(root["v"]?.double == nil)
        #expect(root["v"]?.bool == nil)
        #expect(root["o"]?.count == 0)
        #expect(root["missing"] == nil)
        #expect(root["x"]?["y"] == nil)
        #expect(root["x"]?[0] == nil)
        #expect(root["x"]?.elements.isEmpty == true)
        #expect(root["x"]?.members.isEmpty == true)
    }

    @Test func `arrays of numbers look like any array`() throws {
        let root = try parse("[1, -2.5,3e2 ]")
        #expect(root.kind == .array)
        #expect(root.count == 3)
        #expect(root.elements.compactMap(\.double) == [1, -2.5, 300])
        #expect(root[1]?.kind == .number)
        #expect(root[1]?.count == 0)
        #expect(root[1]?[0] == nil)
        #expect(root[3] == nil)
        #expect(root[-1] == nil)
        #expect(root.doubles == [1, -2.5, 300])
    }

    @Test func `numbers are extracted from arrays of numbers only`() throws {
        #expect(try parse("[]").doubles == [])
        #expect(try parse("[1,null]").doubles == nil)
        #expect(try parse("[\"1\"]").doubles == nil)
        #expect(try parse("{}").doubles == nil)
        #expect(try parse("1").doubles == nil)
        #expect(try parse("\"1\"").doubles == nil)
    }

    @Test func `a matrix is extracted column by column`() throws {
        #expect(try parse("[[1,2,3],[4,5,6]]").columnMajorMatrix(columns: 3) == [1, 4, 2, 5, 3, 6])
        #expect(try parse("[]").columnMajorMatrix(columns: 3) == [])
        #expect(try parse("[[1,2],[3]]").columnMajorMatrix(columns: 2) == nil)
        #expect(try parse("[[1,2],[3,null]]").columnMajorMatrix(columns: 2) == nil)
        #expect(try parse("[[1,2],3]").columnMajorMatrix(columns: 2) == nil)
        #expect(try parse("[1,2]").columnMajorMatrix(columns: 2) == nil)
        #expect(try parse("{}").columnMajorMatrix(columns: 2) == nil)
        #expect(try parse("[[1,2]]").columnMajorMatrix(columns: 0) == nil)
    }

    @Test(arguments: [(1, 1), (31, 33), (32, 32), (100, 7), (7, 100)])
    func `a written matrix reads back to the same bits`(_ rows: Int, _ columns: Int) throws {
        var generator = SeededGenerator(seed: UInt64(rows * 1000 + columns))
        let matrix = (0..<rows).map { _ in (0..<columns).map { _ in generator.normal() * 1e-4 } }
        var writer = JSONWriter()
        writer.array(matrix) { writer, row in
            writer.array(row) { $0.double($1) }
        }
        let read = try #require(try JSONDocument(parsing: writer.bytes).root.columnMajorMatrix(columns: columns))
        for i in 0..<rows {
            for j in 0..<columns { #expect(read[j * rows + i] == matrix[i][j]) }
        }
    }

    @Test func `a value outlives its document and the bytes`() throws {
        func inner() throws -> JSONValue? {
            try JSONDocument(parsing: Array(#"{"a":{"b":["x",[1,2]]}}"#.utf8)).root["a"]?["b"]
        }
        let value = try #require(try inner())
        #expect(value[0]?.string == "x")
        #expect(value[1]?.doubles == [1, 2])
    }

    @Test func `names are looked up byte for byte`() throws {
        let root = try parse(#"{"a/b":1,"a~":2,"":3,"é":4}"#)
        #expect(root["a/b"]?.double == 1)
        #expect(root["a~"]?.double == 2)
        #expect(root[""]?.double == 3)
        #expect(root["é"]?.double == 4)
        #expect(root["A/b"] == nil)
    }
}
