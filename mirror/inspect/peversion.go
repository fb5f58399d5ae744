package inspect

import (
	"encoding/binary"
	"fmt"
	"strings"

	"patchferry/layout"
)

// version is the version resource of a program: its words by their names, folded,
// and the numbers of the file.
type version struct {
	words  map[string]string
	number string // of the file: "5.3.18.6"
}

// maxWords bounds the words that are taken from a version resource.
const maxWords = 256

// version reads the version resource; nil where there is none.
func (p *image) version() (*version, error) {
	at, size, ok, err := p.resource(resourceVersion, "")
	if err != nil || !ok {
		return nil, err
	}
	b, err := p.read(at, min(size, maxVersion))
	if err != nil {
		return nil, fmt.Errorf("the version of a program: %w", err)
	}
	v := &version{words: make(map[string]string)}
	root, _, ok := cutNode(b)
	if !ok || root.key != "VS_VERSION_INFO" {
		return nil, fmt.Errorf("the version of a program: %w", errDamaged)
	}
	if n := root.value; len(n) >= 52 && binary.LittleEndian.Uint32(n) == 0xfeef04bd {
		high, low := binary.LittleEndian.Uint32(n[8:]), binary.LittleEndian.Uint32(n[12:])
		v.number = fmt.Sprintf("%d.%d.%d.%d", high>>16, high&0xffff, low>>16, low&0xffff)
	}
	v.take(root.inner, 0)
	return v, nil
}

// take gathers the words below a node: StringFileInfo, a table for each language,
// the words. Of several languages the first has it.
func (v *version) take(inner []byte, depth int) {
	for len(inner) > 0 && len(v.words) < maxWords {
		n, rest, ok := cutNode(inner)
		if !ok {
			return
		}
		inner = rest
		switch {
		case depth == 2:
			key := layout.Fold(strings.TrimSpace(n.key))
			if word := clean(wide(n.value)); word != "" && v.words[key] == "" {
				v.words[key] = word
			}
		case depth == 1 || n.key == "StringFileInfo":
			v.take(n.inner, depth+1)
		}
	}
}

// node is one of the nested structures of a version resource: its key, its value,
// and the structures inside.
type node struct {
	key          string
	value, inner []byte
}

// cutNode reads the node at the beginning of b, and returns what follows it.
func cutNode(b []byte) (n node, rest []byte, ok bool) {
	if len(b) < 6 {
		return n, nil, false
	}
	u16 := binary.LittleEndian.Uint16
	length, valueLength, isText := int(u16(b)), int(u16(b[2:])), u16(b[4:]) == 1
	if length < 6 || length > len(b) {
		return n, nil, false
	}
	rest = b[min(aligned(length), len(b)):]
	b = b[:length]
	end := 6
	for end+1 < len(b) && u16(b[end:]) != 0 {
		end += 2
	}
	n.key = wide(b[6:end])
	at := min(aligned(end+2), len(b))
	if isText {
		valueLength *= 2
	}
	to := min(at+valueLength, len(b))
	n.value, n.inner = b[at:to], b[min(aligned(to), len(b)):]
	return n, rest, true
}

// aligned rounds up to a multiple of four.
func aligned(n int) int { return (n + 3) &^ 3 }

// word returns the first of these words that there is.
func (v *version) word(keys ...string) string {
	if v == nil {
		return ""
	}
	for _, key := range keys {
		if w := v.words[key]; w != "" {
			return w
		}
	}
	return ""
}

// says reports whether one of these words has text in it, whatever its case.
func (v *version) says(text string, keys ...string) bool {
	for _, key := range keys {
		if v != nil && strings.Contains(layout.Fold(v.words[key]), text) {
			return true
		}
	}
	return false
}
