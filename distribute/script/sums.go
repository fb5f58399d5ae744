package script

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// payload is a package or a member of one, as lists name it.
type payload struct {
	path              string // below the root of the tree
	size              int64
	sha256, sha1, md5 string // hexadecimal, "" where unknown
}

// payloads returns the packages and their members in order, each path once.
func (s *Set) payloads() []payload {
	var all []payload
	seen := make(map[string]bool)
	add := func(m Member) {
		if seen[m.Path] {
			return
		}
		seen[m.Path] = true
		p := payload{path: m.Path, size: m.Size}
		if !m.SHA256.IsZero() {
			p.sha256 = m.SHA256.String()
		}
		if !m.SHA1.IsZero() {
			p.sha1 = m.SHA1.String()
		}
		if !m.MD5.IsZero() {
			p.md5 = m.MD5.String()
		}
		all = append(all, p)
	}
	for i := range s.Items {
		it := &s.Items[i]
		add(Member{it.Path, it.Name, it.Size, it.SHA256, it.SHA1, it.MD5})
		for _, m := range it.Members {
			add(m)
		}
	}
	return all
}

// up returns the way from a folder below the root of the tree to the root:
// "../../" for "install/any".
func up(place string) string {
	place = strings.Trim(place, "/")
	if place == "" {
		return ""
	}
	return strings.Repeat("../", strings.Count(place, "/")+1)
}

// sums writes SHA256SUMS, SHA1SUMS and MD5SUMS in the form of coreutils, of the
// set's own files and of its packages, by paths from the set's folder. Packages
// whose digest of that kind is not known are named in a comment.
func (s *Set) sums(own []File) []File {
	kinds := []struct {
		name, algorithm string
		of              func([]byte) string
		known           func(payload) string
	}{
		{"SHA256SUMS", "SHA-256", func(b []byte) string { d := sha256.Sum256(b); return hex.EncodeToString(d[:]) }, func(p payload) string { return p.sha256 }},
		{"SHA1SUMS", "SHA-1", func(b []byte) string { d := sha1.Sum(b); return hex.EncodeToString(d[:]) }, func(p payload) string { return p.sha1 }},
		{"MD5SUMS", "MD5", func(b []byte) string { d := md5.Sum(b); return hex.EncodeToString(d[:]) }, func(p payload) string { return p.md5 }},
	}
	packages := s.payloads()
	var files []File
	for _, k := range kinds {
		var b strings.Builder
		s.sumsHead(&b, k.algorithm)
		for _, f := range own {
			sumLine(&b, k.of(f.Data), f.Name)
		}
		for _, p := range packages {
			name := up(s.Place) + p.path
			if sum := k.known(p); sum != "" {
				sumLine(&b, sum, name)
				continue
			}
			fmt.Fprintf(&b, "# %s not known: %s\n", k.algorithm, asciiLine(name))
		}
		files = append(files, File{Name: k.name, Data: []byte(b.String())})
	}
	return files
}

// sumsHead says what the sums are of, in lines that sha256sum -c passes over.
func (s *Set) sumsHead(b *strings.Builder, algorithm string) {
	fmt.Fprintf(b, "# %s of set %s\n", algorithm, asciiLine(s.Name))
	fmt.Fprintf(b, "# generation %d\n# state %d\n# root %s\n", s.Edition.Generation, s.Edition.State, s.Edition.Root)
	if algorithm != "SHA-256" {
		b.WriteString("# For hosts that know nothing better: it tells damage, not malice.\n")
	}
}

// sumLine writes one line as sha256sum does: a name with a backslash or a line
// end is escaped, and a backslash before the digest says so.
func sumLine(b *strings.Builder, sum, name string) {
	escaped := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`).Replace(name)
	if escaped != name {
		b.WriteByte('\\')
	}
	fmt.Fprintf(b, "%s  %s\n", sum, escaped)
}
