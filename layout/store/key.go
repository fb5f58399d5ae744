package store

import (
	"fmt"
	"strconv"
	"strings"

	"patchferry/layout"
)

// The folders of a store. Every key but FormatKey lies in one of them, in a
// directory as in a bucket.
const (
	ObjectFolder  = "objects/sha256"
	StateFolder   = "states"
	BindingFolder = "bindings"

	stateSuffix   = ".asc"
	bindingSuffix = ".json"
)

// MaxState is the largest number of a state. Keys of states have ten digits,
// so that they sort by number.
const MaxState = 9_999_999_999

// ObjectKey returns the key of an object: "objects/sha256/ab/<64 hex>".
func ObjectKey(d layout.Digest) string {
	s := d.String()
	return ObjectFolder + "/" + s[:2] + "/" + s
}

// StateKey returns the key of state n, 0 < n <= MaxState:
// "states/0000000042.asc".
func StateKey(n uint64) string {
	return fmt.Sprintf("%s/%010d%s", StateFolder, n, stateSuffix)
}

// BindingKey returns the key of a binding: "bindings/ab/<64 hex>.json".
func BindingKey(key layout.Digest) string {
	s := key.String()
	return BindingFolder + "/" + s[:2] + "/" + s + bindingSuffix
}

// ParseObjectKey is the inverse of ObjectKey. It reports false for everything
// that ObjectKey does not return.
func ParseObjectKey(key string) (layout.Digest, bool) {
	d, ok := parseHex(lastElement(key))
	return d, ok && ObjectKey(d) == key
}

// ParseStateKey is the inverse of StateKey. It reports false for everything
// that StateKey does not return.
func ParseStateKey(key string) (uint64, bool) {
	digits, ok := strings.CutSuffix(lastElement(key), stateSuffix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || n == 0 || n > MaxState {
		return 0, false
	}
	return n, StateKey(n) == key
}

// ParseBindingKey is the inverse of BindingKey. It reports false for
// everything that BindingKey does not return.
func ParseBindingKey(key string) (layout.Digest, bool) {
	name, ok := strings.CutSuffix(lastElement(key), bindingSuffix)
	if !ok {
		return layout.Digest{}, false
	}
	d, ok := parseHex(name)
	return d, ok && BindingKey(d) == key
}

func lastElement(key string) string {
	return key[strings.LastIndexByte(key, '/')+1:]
}

func parseHex(s string) (layout.Digest, bool) {
	d, err := layout.ParseDigest(s)
	return d, err == nil
}
