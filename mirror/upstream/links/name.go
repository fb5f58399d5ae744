package links

import (
	"strings"

	"patchferry/layout"
)

// words is what the name of a list says of the files in it.
type words struct {
	os       []layout.OS
	arch     []layout.Arch
	language layout.Language
}

// products are the names by which WSUS Offline Update calls the operating
// systems in its lists: the internal version of Windows, which a client and a
// server share.
var products = map[string][]layout.OS{
	"w60":  {"windowsvista", "windowsserver2008"},
	"w61":  {"windows7", "windowsserver2008r2"},
	"w62":  {"windows8", "windowsserver2012"},
	"w63":  {"windows8.1", "windowsserver2012r2"},
	"w100": {"windows10", "windowsserver2016"},
}

// listName reads StaticDownloadLinks-<product>[-<architecture>][-<language>].txt.
// Lists of other names say nothing.
func listName(name string) words {
	stem := strings.TrimSuffix(strings.ToLower(name), ".txt")
	rest, ok := strings.CutPrefix(stem, "staticdownloadlinks-")
	var w words
	if !ok {
		return w
	}
	for i, part := range strings.Split(rest, "-") {
		if i == 0 {
			w.os = systems(part)
			continue
		}
		if a, ok := layout.ParseArch(part); ok && a != "" {
			w.arch = append(w.arch, a)
			continue
		}
		if l, ok := layout.ParseLanguage(part); ok {
			w.language = l
		}
	}
	return w
}

func systems(product string) []layout.OS {
	if known := products[product]; known != nil {
		return known
	}
	if os, ok := layout.ParseOS(product); ok {
		return []layout.OS{os}
	}
	return nil
}

// fill gives u what the list's name says and the file's own does not, which is
// the nearer witness: English and neutral files stand in lists of any language.
func (w words) fill(u *layout.Update) {
	own := layout.ParseName(u.Files[0].Name)
	if len(own.OS) == 0 {
		u.OS = append([]layout.OS(nil), w.os...)
	}
	if len(own.Arch) == 0 {
		u.Arch = append([]layout.Arch(nil), w.arch...)
	}
	if own.Language == "" && !own.Neutral {
		u.Language = w.language
	}
}
