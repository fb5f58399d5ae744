package config

import (
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// places knows on which line of a file each key was written.
type places struct {
	file  string
	lines []string       // of the file
	line  map[string]int // by key: "fetch.rate", "source[0].url", "source[0]"
}

// locate finds the keys of a document that has been decoded already, so that
// it need not report errors of its own.
func locate(file string, data []byte) places {
	p := places{file: file, lines: strings.Split(string(data), "\n"), line: make(map[string]int)}
	var parser unstable.Parser
	parser.Reset(data)
	table := ""
	count := make(map[string]int) // how many tables an array of tables has so far
	for parser.NextExpression() {
		e := parser.Expression()
		name, line := dotted(&parser, e)
		switch e.Kind {
		case unstable.Table:
			table = indexed(name, count)
			p.line[table] = line
		case unstable.ArrayTable:
			table = fmt.Sprintf("%s[%d]", name, count[name])
			count[name]++
			p.line[table] = line
		case unstable.KeyValue:
			p.keyValue(&parser, e, join(table, name), line)
		}
	}
	return p
}

// keyValue notes a key and, where its value is an inline table, the keys in it.
func (p *places) keyValue(parser *unstable.Parser, e *unstable.Node, key string, line int) {
	p.line[key] = line
	if e.Value().Kind != unstable.InlineTable {
		return
	}
	children := e.Value().Children()
	for children.Next() {
		child := children.Node()
		name, line := dotted(parser, child)
		p.keyValue(parser, child, join(key, name), line)
	}
}

// dotted returns the key of an expression and its line.
func dotted(parser *unstable.Parser, e *unstable.Node) (name string, line int) {
	var parts []string
	if e.Kind != unstable.KeyValue && e.Kind != unstable.Table && e.Kind != unstable.ArrayTable {
		return "", 0
	}
	it := e.Key()
	for it.Next() {
		if line == 0 {
			line = parser.Shape(it.Node().Raw).Start.Line
		}
		parts = append(parts, string(it.Node().Data))
	}
	return strings.Join(parts, "."), line
}

// indexed puts the index of the newest table of an array before a table below
// it: [source.select] after two [[source]] is "source[1].select".
func indexed(name string, count map[string]int) string {
	first, rest, ok := strings.Cut(name, ".")
	if !ok || count[first] == 0 {
		return name
	}
	return fmt.Sprintf("%s[%d].%s", first, count[first]-1, rest)
}

func join(table, key string) string {
	if table == "" {
		return key
	}
	return table + "." + key
}

// find returns the line of a key, or of the innermost table around it, or 0.
func (p *places) find(key string) int {
	for {
		if line := p.line[key]; line > 0 {
			return line
		}
		i := strings.LastIndexByte(key, '.')
		if i < 0 {
			return 0
		}
		key = key[:i]
	}
}

// draw returns a line with a mark below what stands on it.
func (p *places) draw(line int) string {
	if line < 1 || line > len(p.lines) {
		return ""
	}
	text := strings.TrimRight(p.lines[line-1], "\r")
	indent := len(text) - len(strings.TrimLeft(text, " \t"))
	number := fmt.Sprint(line)
	mark := text[:indent] + strings.Repeat("~", len(strings.TrimRight(text[indent:], " \t")))
	return fmt.Sprintf("%s| %s\n%s| %s", number, text, strings.Repeat(" ", len(number)), mark)
}
