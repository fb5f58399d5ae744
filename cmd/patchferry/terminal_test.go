package main

import "testing"

func TestPrintable(t *testing.T) {
	for name, test := range map[string]struct{ in, line, text string }{
		"plain":           {"Ångström <a@b.example> 大小", "Ångström <a@b.example> 大小", "Ångström <a@b.example> 大小"},
		"terminal escape": {"a\x1b[2Jb", `a\x1b[2Jb`, `a\x1b[2Jb`},
		"C1 control":      {"a\u009b2Jb", `a\u009b2Jb`, `a\u009b2Jb`},
		"bell, delete":    {"\a\x7f", `\x07\x7f`, `\x07\x7f`},
		"lines":           {"a\r\nb\tc\n", `a\x0d\x0ab\x09c\x0a`, "a\nb\tc\n"},
		"carriage return": {"good\rbad", `good\x0dbad`, `good\x0dbad`},
		"reversed":        {"a\u202eb", `a\u202eb`, `a\u202eb`},
		"hidden":          {"a\u200bb\ufeff", `a\u200bb\ufeff`, `a\u200bb\ufeff`},
		"line separator":  {"a\u2028b", `a\u2028b`, `a\u2028b`},
		"blanks":          {"a\u00a0b", "a b", "a b"},
		"invalid UTF-8":   {"a\xffb\ufffd", "a\\xffb\ufffd", "a\\xffb\ufffd"},
		"cut":             {"a\xef\xbf", `a\xef\xbf`, `a\xef\xbf`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := printable(test.in); got != test.line {
				t.Errorf("line: got %q, want %q", got, test.line)
			}
			if got := printableText(test.in); got != test.text {
				t.Errorf("text: got %q, want %q", got, test.text)
			}
		})
	}
}
