package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/distribute"
	"patchferry/mirror"
	"patchferry/verify"
)

var docs = filepath.Join("..", "..", "docs")

// commandTree returns the commands as they are run, with those that cobra adds.
func commandTree() *cobra.Command {
	root := new(app).rootCommand()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	root.DisableAutoGenTag = true
	return root
}

// TestDocsCommands holds docs/commands.md to the commands' own help; make docs
// writes it again.
func TestDocsCommands(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("# Commands\n\nWritten by `make docs` from the program's own help; `patchferry COMMAND --help` shows the same.\n")
	writeCommands(&b, commandTree())
	golden(t, filepath.Join(docs, "commands.md"), b.Bytes())
}

func writeCommands(b *bytes.Buffer, cmd *cobra.Command) {
	if !cmd.IsAvailableCommand() && cmd.HasParent() || strings.HasPrefix(cmd.Name(), "help") {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n", cmd.CommandPath())
	long := cmd.Long
	if long == "" {
		long = cmd.Short + "."
	}
	fmt.Fprintf(b, "```\n%s\n\nUsage:\n  %s\n", strings.TrimSpace(long), cmd.UseLine())
	if cmd.Example != "" {
		fmt.Fprintf(b, "\nExamples:\n%s\n", cmd.Example)
	}
	if flags := cmd.NonInheritedFlags(); flags.HasAvailableFlags() {
		fmt.Fprintf(b, "\nFlags:\n%s", flags.FlagUsages())
	}
	b.WriteString("```\n")
	for _, sub := range cmd.Commands() {
		writeCommands(b, sub)
	}
}

// TestDocsManPages holds docs/man to the commands; make docs writes them again.
func TestDocsManPages(t *testing.T) {
	dir := t.TempDir()
	day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	header := &doc.GenManHeader{Section: "1", Source: "patchferry", Manual: "patchferry", Date: &day}
	if err := doc.GenManTree(commandTree(), header, dir); err != nil {
		t.Fatal(err)
	}
	want, err := fs.Glob(os.DirFS(dir), "*.1")
	if err != nil || len(want) < 10 {
		t.Fatalf("man pages: %v, %v", want, err)
	}
	for _, name := range want {
		page, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join(docs, "man", name), page)
	}
	got, err := fs.Glob(os.DirFS(docs), "man/*.1")
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Errorf("docs/man has %d pages, want %d: remove those of commands that are gone", len(got), len(want))
	}
}

// TestDocsConfiguration holds the table of docs/configuration.md to the keys.
func TestDocsConfiguration(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("<!-- keys: written by make docs -->\n\n| key | default | variable | meaning |\n|---|---|---|---|\n")
	for _, k := range config.Keys() {
		fmt.Fprintf(&b, "| `%s` | `%s` | `%s` | %s |\n", k.Name, k.Default, k.Env, strings.ReplaceAll(k.Doc, "|", `\|`))
	}
	b.WriteString("\n<!-- end of keys -->")
	name := filepath.Join(docs, "configuration.md")
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	table := regexp.MustCompile(`(?s)<!-- keys:.*<!-- end of keys -->`)
	if !table.Match(page) {
		t.Fatalf("%s has no place for the keys", name)
	}
	golden(t, name, table.ReplaceAllLiteral(page, b.Bytes()))
}

// golden compares a file with what it should be, or writes it.
func golden(t *testing.T, name string, want []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not up to date; run make docs (-want +got):\n%s", name, diff)
	}
}

// TestJSONIsDocumented holds docs/json.md to the types that are printed: every
// member is named in the section of its command.
func TestJSONIsDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(docs, "json.md"))
	if err != nil {
		t.Fatal(err)
	}
	sections := make(map[string]string)
	for part := range strings.SplitSeq(string(page), "\n## ") {
		title, body, _ := strings.Cut(part, "\n")
		sections[title] = body
	}
	for title, shapes := range map[string][]any{
		"errors":          {errorReport{}},
		"version":         {build{}},
		"init near":       {setupReport{}},
		"init far":        {farReport{}},
		"config show":     {config.Setting{}},
		"config check":    {checkReport{}},
		"sync":            {mirror.SyncReport{}},
		"import":          {mirror.ImportReport{}},
		"serve":           {serveReport{}},
		"show":            {showReport{}},
		"bulletin list":   {bulletinReport{}},
		"bulletin show":   {noticeReport{}},
		"rings":           {mirror.RingReport{}},
		"evidence":        {evidenceReport{}, evidenceMatch{}},
		"script":          {scriptReport{}},
		"tree":            {treeReport{}, distribute.TreeStep{}},
		"bulletin verify": {verifyReport{}},
		"key add":         {keyAddReport{}},
		"key pin":         {keyPinReport{}},
		"key remove":      {keyRemoveReport{}},
		"key rotate":      {rotateReport{}},
		"key list":        {keyEntry{}, verify.DocumentedKey{}},
		"status":          {statusReport{}},
		"hosts list":      {hostReport{}},
		"hosts missing":   {hostMissing{}},
		"audit":           {mirror.AuditReport{}},
		"export":          {mirror.ExportReport{}},
		"bundle list":     {mirror.LedgerReport{}},
		"bundle again":    {mirror.AgainReport{}},
		"bundle confirm":  {mirror.ConfirmReport{}},
		"receipt apply":   {mirror.ReceiptReport{}},
		"want":            {mirror.WantReport{}, mirror.Asked{}},
		"prune":           {planReport{}, prunedReport{}},
		"store migrate":   {migrateReport{}},
		"doctor":          {finding{}},
		"demo":            {demoReport{}},
		"hooks":           {bulletinEvent{}, publishEvent{}, proposeEvent{}, staleEvent{}},
		"--progress=json": {jsonEvent{}, jsonTally{}},
	} {
		section, ok := sections[title]
		if !ok {
			t.Errorf("docs/json.md has no section %q", title)
		}
		for _, shape := range shapes {
			for _, name := range members(reflect.TypeOf(shape)) {
				if !strings.Contains(section, "`"+name+"`") {
					t.Errorf("docs/json.md, %s: member `%s` of %T is missing", title, name, shape)
				}
			}
		}
	}
}

// members lists the JSON members of a type of this program and of the types in
// it; updates have docs/source-updates.md.
func members(typ reflect.Type) []string {
	var names []string
	switch typ.Kind() {
	case reflect.Slice, reflect.Pointer:
		return members(typ.Elem())
	case reflect.Struct:
	default:
		return nil
	}
	for f := range typ.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			names = append(names, members(f.Type)...)
		case name == "" || name == "-":
		default:
			names = append(names, name)
			itself := f.Type.Kind() == reflect.Slice && f.Type.Elem() == typ // as the parts of a judgement are judgements
			if f.Type.PkgPath() != "patchferry/layout" && f.Name != "Update" && !itself {
				names = append(names, members(f.Type)...)
			}
		}
	}
	return names
}
