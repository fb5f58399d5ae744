package bundle

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// DefaultMaxFile is the largest file on FAT32, in bytes.
const DefaultMaxFile = 4<<30 - 1

// presets are sizes of media in bytes, a little under what they hold, for the
// file system's own tables. On FAT32 what counts is the largest file, which is
// the default everywhere.
func presets() map[string]int64 {
	return map[string]int64{
		"none":   0,
		"fat32":  0,
		"dvd":    4_690_000_000,  // 2,295,104 sectors of 2,048 bytes
		"dvd-dl": 8_530_000_000,  // 4,171,712 sectors, the smaller of the two kinds
		"bd":     24_950_000_000, // 12,219,392 sectors
		"bd-dl":  49_900_000_000, // 24,438,784 sectors
	}
}

func units() map[string]float64 {
	return map[string]float64{
		"":   1,
		"b":  1,
		"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
		"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
	}
}

// ParseVolumeSize reads the size of a volume: bytes with a unit ("4.7GB" is 4.7
// × 10^9, "25GiB" is 25 × 2^30), or the name of a medium: fat32, dvd, dvd-dl,
// bd, bd-dl or none. Case does not count. It returns bytes; 0 is no limit,
// which only fat32 and none are.
func ParseVolumeSize(s string) (int64, error) {
	text := strings.ToLower(strings.TrimSpace(s))
	if n, ok := presets()[text]; ok {
		return n, nil
	}
	digits := strings.TrimRight(text, "bgikmt ")
	unit, ok := units()[strings.TrimSpace(text[len(digits):])]
	if !ok || strings.Trim(digits, "0123456789.") != "" {
		return 0, sizeError(s)
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return 0, sizeError(s)
	}
	n = math.Round(n * unit)
	if n < 1 || n > 1<<53 {
		return 0, fmt.Errorf("volume size %q is not between 1 byte and 8 PiB", clip(s))
	}
	return int64(n), nil
}

func sizeError(s string) error {
	return fmt.Errorf("volume size %q is neither bytes with a unit (4.7GB, 25GiB) nor one of fat32, dvd, dvd-dl, bd, bd-dl, none", clip(s))
}
