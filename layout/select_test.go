package layout_test

import (
	"slices"
	"testing"

	"patchferry/layout"
)

func TestSelectionMatch(t *testing.T) {
	u := &layout.Update{
		ID: "wsus:Abc/1", KB: "835732", Title: "Security Update for Windows XP", Classification: layout.SecurityUpdate,
		OS: []OS{"windowsxp-sp2"}, Arch: []layout.Arch{"x86"}, Language: "DE", Released: "2004-04-13",
		Severity: layout.Critical, Products: []string{"Windows XP Embedded", "Windows/NT"},
		Files: []layout.File{{Name: "WindowsXP-KB835732-x86-DEU.EXE"}},
	}
	open := &layout.Update{ID: "links:1", Classification: layout.SecurityUpdate}
	office := &layout.Update{ID: "wsus:2", Files: []layout.File{{Name: "a-de.cab", Language: "DE"}, {Name: "a-fr.cab", Language: "FR"}}}
	type selection = layout.Selection
	for name, c := range map[string]struct {
		s    selection
		u    *layout.Update
		want bool
	}{
		"everything":                   {selection{}, u, true},
		"language":                     {selection{Languages: []layout.Language{"EN", "DE"}}, u, true},
		"another language":             {selection{Languages: []layout.Language{"EN"}}, u, false},
		"no language":                  {selection{Languages: []layout.Language{"EN"}}, open, true},
		"a file's language":            {selection{Languages: []layout.Language{"FR"}}, office, true},
		"no file's language":           {selection{Languages: []layout.Language{"IT"}}, office, false},
		"family":                       {selection{OS: []OS{"windowsxp"}}, u, true},
		"release":                      {selection{OS: []OS{"windowsxp-sp2"}}, u, true},
		"another release":              {selection{OS: []OS{"windowsxp-sp3"}}, u, false},
		"another system":               {selection{OS: []OS{"windows2000"}}, u, false},
		"no system":                    {selection{OS: []OS{"windows2000"}}, open, true},
		"architecture":                 {selection{Arch: []layout.Arch{"x64", "x86"}}, u, true},
		"another architecture":         {selection{Arch: []layout.Arch{"x64"}}, u, false},
		"no architecture":              {selection{Arch: []layout.Arch{"x64"}}, open, true},
		"classification":               {selection{Classifications: []layout.Classification{layout.SecurityUpdate}}, u, true},
		"another classification":       {selection{Classifications: []layout.Classification{layout.Tool}}, u, false},
		"no classification":            {selection{Classifications: []layout.Classification{layout.Tool}}, office, false},
		"severity":                     {selection{Severities: []layout.Severity{layout.Important, layout.Critical}}, u, true},
		"another severity":             {selection{Severities: []layout.Severity{layout.Low}}, u, false},
		"no severity":                  {selection{Severities: []layout.Severity{layout.Critical}}, open, false},
		"product by a part":            {selection{Products: []string{"office", "windows xp"}}, u, true},
		"product by glob":              {selection{Products: []string{"WINDOWS*"}}, u, true},
		"a product's glob is whole":    {selection{Products: []string{"xp*"}}, u, false},
		"another product":              {selection{Products: []string{"office"}}, u, false},
		"no product":                   {selection{Products: []string{"*"}}, open, false},
		"since that day":               {selection{Since: "2004-04-13"}, u, true},
		"since the next":               {selection{Since: "2004-04-14"}, u, false},
		"until that day":               {selection{Until: "2004-04-13"}, u, true},
		"until the day before":         {selection{Until: "2004-04-12"}, u, false},
		"no date":                      {selection{Since: "2020-01-01", Until: "2020-01-02"}, open, true},
		"include the article":          {selection{Include: []string{"KB835732"}}, u, true},
		"include the digits":           {selection{Include: []string{"835732"}}, u, true},
		"include a shorter article":    {selection{Include: []string{"kb83573"}}, u, false},
		"include another":              {selection{Include: []string{"kb1", "kb2"}}, u, false},
		"include by glob of name":      {selection{Include: []string{"windowsxp-*-deu.exe"}}, u, true},
		"include by glob of id":        {selection{Include: []string{"WSUS:*"}}, u, true},
		"include by glob of KB":        {selection{Include: []string{"kb8357??"}}, u, true},
		"a glob is of the whole":       {selection{Include: []string{"windowsxp-*-deu"}}, u, false},
		"include by words of title":    {selection{Include: []string{"update for windows"}}, u, true},
		"include narrows":              {selection{Include: []string{"kb835732"}, Languages: []layout.Language{"EN"}}, u, false},
		"exclude the article":          {selection{Exclude: []string{"kb835732"}}, u, false},
		"exclude with a comment":       {selection{Exclude: []string{"kb835732,breaks the build"}}, u, false},
		"exclude by prefix of name":    {selection{Exclude: []string{"WindowsXP-KB835732-x86"}}, u, false},
		"exclude another":              {selection{Exclude: []string{"kb8357321", "windows2000-", ""}}, u, true},
		"exclude wins":                 {selection{Include: []string{"kb835732"}, Exclude: []string{"*deu*"}}, u, false},
		"exclude all":                  {selection{Exclude: []string{"*"}}, open, false},
		"a broken glob matches none":   {selection{Exclude: []string{"[a"}}, u, true},
		"an article of nothing but KB": {selection{Include: []string{"kb"}}, u, true},
	} {
		if got := c.s.Match(c.u); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestSelectionFiles(t *testing.T) {
	u := &layout.Update{Files: []layout.File{{Name: "de", Language: "DE"}, {Name: "fr", Language: "FR"}, {Name: "all"}}}
	for name, c := range map[string]struct {
		languages []layout.Language
		want      []string
	}{
		"all":  {nil, []string{"de", "fr", "all"}},
		"one":  {[]layout.Language{"FR"}, []string{"fr", "all"}},
		"none": {[]layout.Language{"IT"}, []string{"all"}},
	} {
		var got []string
		for _, f := range (&layout.Selection{Languages: c.languages}).Files(u) {
			got = append(got, f.Name)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestCheckPattern(t *testing.T) {
	for pattern, ok := range map[string]bool{"kb1": true, "*x[a-z]": true, "[a": false, "plain]": true} {
		if err := layout.CheckPattern(pattern); (err == nil) != ok {
			t.Errorf("CheckPattern(%q) = %v", pattern, err)
		}
	}
}
