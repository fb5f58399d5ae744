package inspect

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf16"

	"patchferry/layout"
)

// driver is the version section of an INF file.
type driver struct {
	signature, class, classGUID, version string
	catalog                              string // file with the digests that its maker signed
}

// inf looks into an INF file. One without the version section of Windows is not
// known here.
func (f *file) inf() (Found, error) {
	b, err := f.read(0, min(f.size, maxText))
	if err != nil {
		return Found{}, err
	}
	d := parseINF(b)
	if d.signature == "" {
		return Found{}, nil
	}
	found := Found{Package: d.pack()}
	if d.isDriver() {
		found.Kind = layout.KindDriverINF
	}
	return found, nil
}

// isDriver reports whether the file installs a device: it has the device's class.
// The INF files of IExpress and of components of the browser have none.
func (d *driver) isDriver() bool { return d.signature != "" && (d.class != "" || d.classGUID != "") }

func (d *driver) pack() *layout.Package {
	return &layout.Package{Title: d.class, Version: d.version, Catalog: d.catalog}
}

// signatures are those of INF files for Windows, folded.
var signatures = map[string]bool{"$windows nt$": true, "$chicago$": true, "$windows 95$": true}

// parseINF reads the version section. What is no INF file has an empty one.
func parseINF(b []byte) *driver {
	d := new(driver)
	inVersion := false
	for line := range strings.SplitSeq(plainText(b), "\n") {
		line, _, _ = strings.Cut(line, ";")
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			inVersion = layout.Fold(line) == "[version]"
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || !inVersion {
			continue
		}
		d.set(layout.Fold(strings.TrimSpace(key)), clean(strings.Trim(strings.TrimSpace(value), `"`)))
	}
	return d
}

func (d *driver) set(key, value string) {
	switch {
	case key == "signature" && signatures[layout.Fold(value)]:
		d.signature = value
	case key == "class" && !strings.Contains(value, "%"):
		d.class = value
	case key == "classguid":
		d.classGUID = guid(value)
	case key == "driverver":
		if _, number, ok := strings.Cut(value, ","); ok {
			d.version = strings.TrimSpace(number)
		}
	case d.catalog == "" && (key == "catalogfile" || strings.HasPrefix(key, "catalogfile.")):
		d.catalog = value
	}
}

// plainText turns UTF-16 with its mark into UTF-8, and takes the mark off UTF-8.
// Anything else stays as it is.
func plainText(b []byte) string {
	order := binary.ByteOrder(binary.LittleEndian)
	switch {
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}):
	case bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	default:
		return string(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))
	}
	all := make([]uint16, 0, len(b)/2)
	for b = b[2:]; len(b) >= 2; b = b[2:] {
		all = append(all, order.Uint16(b))
	}
	return string(utf16.Decode(all))
}
