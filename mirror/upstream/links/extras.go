package links

import (
	"fmt"
	"strconv"
	"strings"

	"patchferry/layout"
)

// extras reads `key=value key="a value"` into f.
func extras(f *layout.File, s string) error {
	seen := map[string]bool{}
	for s = strings.TrimLeft(s, " \t"); s != ""; s = strings.TrimLeft(s, " \t") {
		key, rest, ok := strings.Cut(s, "=")
		if !ok || strings.ContainsAny(key, " \t") {
			return fmt.Errorf("%.40q after the URL is not key=value", s)
		}
		value, rest, err := quoted(rest)
		if err != nil {
			return fmt.Errorf("%s=: %w", key, err)
		}
		key = strings.ToLower(key)
		if seen[key] {
			return fmt.Errorf("%s= stands twice", key)
		}
		seen[key] = true
		if err := set(f, key, value); err != nil {
			return fmt.Errorf("%s=: %w", key, err)
		}
		s = rest
	}
	return nil
}

// quoted takes a value from the start of s, up to a blank or between quotes.
func quoted(s string) (value, rest string, err error) {
	if strings.HasPrefix(s, `"`) {
		value, rest, ok := strings.Cut(s[1:], `"`)
		if !ok {
			return "", "", fmt.Errorf("no closing quote")
		}
		return value, rest, nil
	}
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return s[:i], s[i:], nil
	}
	return s, "", nil
}

func set(f *layout.File, key, value string) error {
	var err error
	switch key {
	case "name":
		f.Name = value
		if value == "" {
			err = fmt.Errorf("empty")
		}
	case "size":
		f.Size, err = strconv.ParseInt(value, 10, 64)
		if err != nil || f.Size <= 0 {
			err = fmt.Errorf("%.40q is not a number of bytes", value)
		}
	case "sha256":
		f.SHA256, err = layout.ParseDigest(value)
	case "sha1":
		f.SHA1, err = layout.ParseSHA1(value)
	case "md5":
		f.MD5, err = layout.ParseMD5(value)
	default:
		err = fmt.Errorf("unknown: want name, size, sha256, sha1 or md5")
	}
	return err
}
