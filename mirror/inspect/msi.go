package inspect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"patchferry/layout"
)

// The classes of compound files that Windows Installer knows.
const (
	classMSI = "{000C1084-0000-0000-C000-000000000046}"
	classMSP = "{000C1086-0000-0000-C000-000000000046}"
	classMST = "{000C1082-0000-0000-C000-000000000046}"
)

// The names of streams; tables begin with an exclamation mark.
const (
	streamSummary  = "\x05SummaryInformation"
	streamPool     = "!_StringPool"
	streamData     = "!_StringData"
	streamProperty = "!Property"
)

// Properties of the summary ([MS-OLEPS], and the names that Windows Installer
// gives them).
const (
	summaryTitle    = 2
	summarySubject  = 3
	summaryTemplate = 7 // MSP: the product codes that it is for
	summaryRevision = 9 // MSP: its code, then the codes that it replaces

	maxSummary   = 64 << 10
	maxTargets   = 256
	maxRows      = 64 << 10 // of the table of properties
	typeString   = 30       // VT_LPSTR
	typeCodePage = 2        // VT_I2
	codePageUTF8 = 65001
)

// compound looks into a compound file: an MSI or an MSP.
func (f *file) compound() (Found, error) {
	c, err := openCompound(f)
	if err != nil {
		return Found{}, err
	}
	streams := make(map[string]stream)
	for _, s := range c.streams() {
		streams[s.name] = s
	}
	found := Found{Package: new(layout.Package)}
	switch class := c.class(); {
	case class == classMSP:
		found.Kind = layout.KindMSP
	case class == classMSI, class != classMST && streams[streamProperty].size > 0 && streams[streamPool].size > 0:
		found.Kind = layout.KindMSI
	default:
		return Found{}, nil
	}
	summary, noSummary := c.summary(streams)
	found.Package.Title = summary[summarySubject]
	if found.Package.Title == "" {
		found.Package.Title = summary[summaryTitle]
	}
	if found.Kind == layout.KindMSP {
		found.Package.Patch = guid(summary[summaryRevision][:min(38, len(summary[summaryRevision]))])
		found.Package.Targets = targets(summary[summaryTemplate])
		return found, noSummary
	}
	noProperties := c.properties(streams, func(key, value string) {
		switch key {
		case "ProductName":
			found.Package.Title = value
		case "ProductVersion":
			found.Package.Version = value
		case "ProductCode":
			found.Package.Product = guid(value)
		}
	})
	return found, errors.Join(noSummary, noProperties)
}

func targets(template string) (all []string) {
	for code := range strings.SplitSeq(template, ";") {
		if code = guid(strings.TrimSpace(code)); code != "" && len(all) < maxTargets {
			all = append(all, code)
		}
	}
	return all
}

// summary reads the strings of the summary.
func (c *compound) summary(streams map[string]stream) (map[uint32]string, error) {
	words := make(map[uint32]string)
	s, ok := streams[streamSummary]
	if !ok {
		return words, nil
	}
	b, err := c.contents(s, maxSummary)
	if err != nil {
		return words, err
	}
	u32 := binary.LittleEndian.Uint32
	if len(b) < 48 || int64(u32(b[44:]))+8 > int64(len(b)) {
		return words, fmt.Errorf("the summary of a package: %w", errDamaged)
	}
	set := b[u32(b[44:]):]
	page := uint16(0)
	for i := int64(0); i < int64(u32(set[4:])) && 16+8*i <= int64(len(set)); i++ {
		id, at := u32(set[8+8*i:]), int64(u32(set[12+8*i:]))
		if at+8 > int64(len(set)) {
			continue
		}
		value := set[at:]
		switch u32(value) {
		case typeCodePage:
			if id == 1 {
				page = binary.LittleEndian.Uint16(value[4:])
			}
		case typeString:
			n := min(int64(u32(value[4:])), int64(len(value))-8)
			word, _, _ := strings.Cut(string(value[8:8+n]), "\x00")
			words[id] = word
		}
	}
	for id, word := range words {
		if words[id] = decoded(word, page); id != summaryTemplate && id != summaryRevision {
			words[id] = clean(words[id])
		}
	}
	return words, nil
}

// decoded returns a word of that code page: UTF-8 and Western Windows are known,
// and ASCII, which all have in common. What else there is, is left out.
func decoded(word string, page uint16) string {
	ascii := strings.IndexFunc(word, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
	switch {
	case ascii, page == codePageUTF8 && utf8.ValidString(word):
		return word
	case page == 1252 || page == 0:
		runes := make([]rune, 0, len(word))
		for _, b := range []byte(word) {
			runes = append(runes, rune(b)) // those of 0x80 to 0x9f become control characters, which clean drops
		}
		return string(runes)
	}
	return ""
}

// properties calls found for every row of the table of properties.
func (c *compound) properties(streams map[string]stream, found func(key, value string)) error {
	var b [3][]byte
	for i, name := range []string{streamPool, streamData, streamProperty} {
		s, ok := streams[name]
		if !ok {
			return nil
		}
		var err error
		if b[i], err = c.contents(s, maxInner); err != nil {
			return fmt.Errorf("the properties of a package: %w", err)
		}
	}
	words := stringPool{pool: b[0], data: b[1]}
	all := len(b[2]) / (2 * words.width()) // first all keys, then all values
	rows := min(all, maxRows)
	wanted := make(map[uint32]bool, 2*rows)
	for i := range rows {
		wanted[words.number(b[2], i)], wanted[words.number(b[2], all+i)] = true, true
	}
	texts := words.texts(wanted)
	for i := range rows {
		found(texts[words.number(b[2], i)], texts[words.number(b[2], all+i)])
	}
	return nil
}

// stringPool has the strings of an MSI: their lengths in pool, and their bytes one
// after the other in data. Tables have their numbers.
type stringPool struct{ pool, data []byte }

// width is the bytes of a string's number in tables.
func (p *stringPool) width() int {
	if len(p.pool) >= 4 && p.pool[3]&0x80 != 0 {
		return 3
	}
	return 2
}

// number reads the i-th number of a table.
func (p *stringPool) number(table []byte, i int) uint32 {
	w := p.width()
	b := table[i*w : i*w+w]
	n := uint32(binary.LittleEndian.Uint16(b))
	if w == 3 {
		n |= uint32(b[2]) << 16
	}
	return n
}

// texts returns the strings with these numbers.
func (p *stringPool) texts(wanted map[uint32]bool) map[uint32]string {
	texts := make(map[uint32]string, len(wanted))
	if len(p.pool) < 4 {
		return texts
	}
	page := binary.LittleEndian.Uint16(p.pool)
	at, rest := int64(0), p.pool[4:]
	for n := uint32(1); len(rest) >= 4; n++ {
		length := int64(binary.LittleEndian.Uint16(rest))
		refs := binary.LittleEndian.Uint16(rest[2:])
		rest = rest[4:]
		if length == 0 && refs != 0 && len(rest) >= 4 { // too long for 16 bits
			length = int64(binary.LittleEndian.Uint32(rest))
			rest = rest[4:]
		}
		if at+length > int64(len(p.data)) {
			break
		}
		if wanted[n] && length < maxSummary {
			texts[n] = clean(decoded(string(p.data[at:at+length]), page))
		}
		at += length
	}
	return texts
}
