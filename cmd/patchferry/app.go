package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"patchferry/cmd/patchferry/internal/config"
)

// app is one run of the program: what it talks to, and the flags that go with
// every command.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            []string

	configFile string
	json       bool
	flags      map[string]*string // configuration keys that are flags: "log.level"

	// closeOutlets is called as soon as it is known that this is a far side; nil
	// where the process is not this program's own.
	closeOutlets func()
}

// load reads the configuration that the flags and the environment name, with
// keys that a command's own flags set.
func (a *app) load(cmd *cobra.Command, own map[string]string) (*config.Loaded, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("find the current directory: %w", err)
	}
	set := make(map[string]string)
	for key, value := range a.flags {
		if f := cmd.Flag(strings.ReplaceAll(key, ".", "-")); f != nil && f.Changed {
			set[key] = *value
		}
	}
	for key, value := range own {
		set[key] = value
	}
	l, err := config.Load(config.Request{File: a.configFile, Env: a.env, Flags: set, Dir: dir})
	if errors.Is(err, config.ErrNone) {
		return nil, withHint(err, "patchferry init near --dir DIR, or patchferry init far --help; then patchferry --config DIR/patchferry.toml …")
	}
	if err == nil && l.Role == config.Far && a.closeOutlets != nil {
		a.closeOutlets()
	}
	return l, err
}

// logger returns the log of a run, on standard error.
func (a *app) logger(c *config.Log) *slog.Logger {
	levels := map[config.Level]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
	options := &slog.HandlerOptions{Level: levels[c.Level]}
	if c.Format == "json" || c.Format == "auto" && !isTerminal(a.stderr) {
		return slog.New(slog.NewJSONHandler(a.stderr, options))
	}
	return slog.New(slog.NewTextHandler(a.stderr, options))
}

// printJSON writes v as one line of JSON on standard output.
func (a *app) printJSON(v any) error {
	return writeJSON(a.stdout, v)
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// printf writes a result for people on standard output.
func (a *app) printf(format string, args ...any) error {
	if _, err := fmt.Fprintf(a.stdout, format, args...); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// note tells people something on standard error that is no result.
func (a *app) note(format string, args ...any) {
	fmt.Fprintf(a.stderr, format+"\n", args...)
}

// reportError prints what went wrong: what, on what, why, and the next command.
func (a *app) reportError(err error, code int) {
	if a.json {
		// Nothing is left to do where even this cannot be written.
		_ = writeJSON(a.stderr, errorReport{Error: err.Error(), Hint: hintOf(err), Exit: code})
		return
	}
	problems := configProblems(err)
	for _, p := range problems {
		a.note("patchferry: %s", p.Error())
		if p.Context != "" {
			a.note("%s", p.Context)
		}
	}
	if len(problems) == 0 {
		a.note("patchferry: %s", err)
	}
	if hint := hintOf(err); hint != "" {
		a.note("next: %s", hint)
	}
}

// errorReport is the form of an error with --json (docs/json.md).
type errorReport struct {
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
	Exit  int    `json:"exit"`
}

// configProblems lists every problem with the configuration that err holds.
func configProblems(err error) []*config.Error {
	if one, ok := err.(*config.Error); ok {
		return []*config.Error{one}
	}
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		var all []*config.Error
		for _, err := range e.Unwrap() {
			all = append(all, configProblems(err)...)
		}
		return all
	case interface{ Unwrap() error }:
		return configProblems(e.Unwrap())
	}
	return nil
}

// isTerminal reports whether a person watches what is written to, or types what
// is read from, f.
func isTerminal(f any) bool {
	file, ok := f.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
