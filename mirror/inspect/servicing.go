package inspect

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"patchferry/layout"
)

// maxTokens is how many pieces of an XML file are read before what is wanted of it
// must have come.
const maxTokens = 20_000

// readServicing reads who a CBS package is, and whether it wants a restart, from
// its update.mum, or from the XML file of an update for wusa. Both name it in their
// first assemblyIdentity; the second inside of its package, the first before it.
func readServicing(b []byte, into *layout.Package) error {
	d := xml.NewDecoder(strings.NewReader(plainText(b)))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // it was decoded above
	identity, restart, inPackage := "", "", false
	for range maxTokens {
		t, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("the XML of a package: %w: %w", err, errDamaged)
		}
		start, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		switch attr := attributes(start); start.Name.Local {
		case "assemblyIdentity":
			if identity == "" {
				identity = identityOf(attr)
			}
		case "package":
			inPackage = true
			switch attr["restart"] {
			case "required", "possible", "never":
				restart = attr["restart"]
			}
		}
		if identity != "" && inPackage {
			break
		}
	}
	if into.Identity == "" {
		into.Identity = identity
	}
	if into.Restart == "" {
		into.Restart = restart
	}
	if into.Version == "" && identity != "" {
		into.Version = identity[strings.LastIndexByte(identity, '~')+1:]
	}
	return nil
}

func attributes(e xml.StartElement) map[string]string {
	all := make(map[string]string, len(e.Attr))
	for _, a := range e.Attr {
		all[a.Name.Local] = a.Value
	}
	return all
}

// identityOf puts together the name that DISM knows a package by:
// name~token~architecture~language~version. The neutral language is empty.
func identityOf(attr map[string]string) string {
	language := attr["language"]
	if layout.Fold(language) == "neutral" {
		language = ""
	}
	parts := []string{attr["name"], attr["publicKeyToken"], attr["processorArchitecture"], language, attr["version"]}
	for i, p := range parts {
		parts[i] = clean(p)
		if strings.ContainsAny(p, "~ \t") || p == "" && i != 3 {
			return ""
		}
	}
	return strings.Join(parts, "~")
}
