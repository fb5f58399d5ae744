package distribute

import (
	"fmt"
	"math"
	"net/textproto"
	"strings"
)

// byteRange is a part of a file that is there: 0 <= start, 0 < length,
// start+length <= size.
type byteRange struct{ start, length int64 }

// contentRange is the value of Content-Range for the range (RFC 9110, 14.4).
func (r byteRange) contentRange(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", r.start, r.start+r.length-1, size)
}

// rangeVerdict is what a Range header asks for.
type rangeVerdict int

const (
	rangeIgnored       rangeVerdict = iota // answer with the whole file
	rangeSatisfiable                       // answer with the ranges
	rangeUnsatisfiable                     // 416
)

// maxRanges is how many ranges one request may name. Hosts ask for one; more
// than this is no download but an attempt to make the server work, and gets
// the whole file (RFC 9110, 14.2).
const maxRanges = 32

// parseRange reads a Range header for a file of size bytes (RFC 9110, 14.1.2).
//
// A header that is not well formed, names another unit or too many ranges, or
// asks for more bytes than the file has is ignored, as the RFC allows and as
// clients need: Delivery Optimization sends `bytes=0--1` for an empty piece. A
// range that ends beyond the file is cut. The header is unsatisfiable only
// when it is well formed and every range begins beyond the file.
func parseRange(header string, size int64) ([]byteRange, rangeVerdict) {
	unit, set, found := strings.Cut(header, "=")
	if !found || !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return nil, rangeIgnored
	}
	if strings.Count(set, ",") >= maxRanges {
		return nil, rangeIgnored
	}
	var ranges []byteRange
	var total int64
	var named bool
	for spec := range strings.SplitSeq(set, ",") {
		spec = textproto.TrimString(spec)
		if spec == "" {
			continue // an empty list element says nothing (RFC 9110, 5.6.1)
		}
		r, ok := parseSpec(spec, size)
		if !ok {
			return nil, rangeIgnored
		}
		named = true
		if r.length > 0 {
			ranges = append(ranges, r)
			total += r.length
		}
		if total > size {
			return nil, rangeIgnored
		}
	}
	if !named || size == 0 {
		return nil, rangeIgnored
	}
	if len(ranges) == 0 {
		return nil, rangeUnsatisfiable
	}
	return ranges, rangeSatisfiable
}

// parseSpec reads "first-", "first-last" or "-suffix"; the range it returns is
// cut to the file, and empty where none of it is there.
func parseSpec(spec string, size int64) (byteRange, bool) {
	first, last, found := strings.Cut(spec, "-")
	if !found {
		return byteRange{}, false
	}
	if first == "" {
		n, ok := parseDigits(last)
		n = min(n, size)
		return byteRange{start: size - n, length: n}, ok
	}
	start, ok := parseDigits(first)
	if !ok {
		return byteRange{}, false
	}
	end := int64(math.MaxInt64)
	if last != "" {
		if end, ok = parseDigits(last); !ok || end < start {
			return byteRange{}, false
		}
	}
	if start >= size {
		return byteRange{}, true
	}
	return byteRange{start: start, length: min(end, size-1) - start + 1}, true
}

// parseDigits reads decimal digits and nothing else. A number too large for an
// int64 comes out as one that is larger than any file.
func parseDigits(s string) (int64, bool) {
	var n int64
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = min(n, math.MaxInt64/10-1)*10 + int64(c-'0')
	}
	return n, s != ""
}
