package distribute

import (
	"strings"

	"patchferry/layout"
)

// fold brings a name to the form in which names are compared.
func fold(name string) string { return strings.ToLower(name) }

// aliasFolders returns the folders under which an update stands besides its
// own.
func aliasFolders(*layout.Update) []string { return nil }
