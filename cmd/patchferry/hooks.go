package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"slices"
	"strings"
	"time"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
)

// The events that run hooks.
const (
	onBulletin = "on_bulletin"
	onPublish  = "on_publish"
	onImport   = "on_import"
	onStale    = "on_stale"
	prePublish = "pre_publish"
)

// hooks runs the operator's programs on events. No shell reads what they are
// given: arguments are those of the configuration, and everything that comes
// from a document is JSON on standard input, but for the summary.
type hooks struct {
	config *config.Config
	env    []string // of this process, as os.Environ has it
	log    *slog.Logger
	now    func() time.Time
}

func (a *app) hooks(c *config.Config) *hooks {
	return &hooks{config: c, env: a.env, log: a.logger(&c.Log), now: time.Now}
}

// hookHead begins the JSON of every event (docs/json.md).
type hookHead struct {
	Version int         `json:"version"` // 1
	Event   string      `json:"event"`
	At      layout.Time `json:"at"`
	Store   string      `json:"store"`
	Summary string      `json:"summary"` // one line, at most 200 bytes
}

const (
	hookVersion = 1
	maxSummary  = 200     // bytes: a subject, with room for a prefix
	maxOutput   = 4 << 10 // bytes of what a hook prints that are logged
	// hookDrain is how long what a hook has left running may go on holding its
	// output before that is closed.
	hookDrain = 2 * time.Second
)

func (h *hooks) head(event, summary string) hookHead {
	return hookHead{
		Version: hookVersion, Event: event, At: layout.At(h.now()), Store: h.config.StoreName(),
		Summary: oneLine("patchferry: "+summary, maxSummary),
	}
}

// program returns what the operator configured for an event; none is empty.
func (h *hooks) program(event string) config.Program {
	switch event {
	case onBulletin:
		return h.config.Hooks.OnBulletin
	case onPublish:
		return h.config.Hooks.OnPublish
	case onImport:
		return h.config.Hooks.OnImport
	case onStale:
		return h.config.Hooks.OnStale
	case prePublish:
		return h.config.Hooks.PrePublish
	}
	return nil
}

// tell runs the program of a notification, which nothing waits for: that it
// failed is logged, and ends nothing. It goes on where ctx ends, as what it
// tells of has happened, and no longer than the timeout.
func (h *hooks) tell(ctx context.Context, head hookHead, event any) {
	if err := h.run(context.WithoutCancel(ctx), head, event); err != nil {
		h.log.Error("hook failed", "err", err)
	}
}

// run runs the program of an event, with the event on its standard input, and
// demands that it succeeds in time.
func (h *hooks) run(ctx context.Context, head hookHead, event any) error {
	program := h.program(head.Event)
	if len(program) == 0 {
		return nil
	}
	var input bytes.Buffer
	if err := writeJSON(&input, event); err != nil {
		return fmt.Errorf("hook %s: %w", head.Event, err)
	}
	limit := time.Duration(h.config.Hooks.Timeout)
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out := new(beginning)
	cmd := exec.CommandContext(limited, h.config.Path(program[0]), program[1:]...)
	cmd.Dir, cmd.Env = h.config.Path("."), h.environment(head)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &input, out, out
	cmd.WaitDelay = hookDrain
	inOwnGroup(cmd)
	start := time.Now()
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case limited.Err() != nil && err != nil:
		err = fmt.Errorf("ran longer than %s and was ended", config.Duration(limit))
	case errors.Is(err, exec.ErrWaitDelay): // it succeeded, and left something running
		err = nil
	}
	if err != nil {
		return fmt.Errorf("hook %s: %s: %w%s", head.Event, cmd.Path, err, itSaid(out.lines()))
	}
	attributes := []any{"path", cmd.Path, "elapsed", time.Since(start)}
	if text := oneLine(out.lines(), 0); text != "" {
		attributes = append(attributes, "text", text)
	}
	h.log.Info("hook ran", attributes...)
	return nil
}

// itSaid adds what a program printed to why it failed.
func itSaid(output string) string {
	if output = oneLine(output, 500); output == "" {
		return ""
	}
	return ": it said: " + output
}

// environment is what a hook gets: enough to find programs and write files, and
// nothing of what patchferry was given for itself.
func (h *hooks) environment(head hookHead) []string {
	env := []string{"PATCHFERRY_EVENT=" + head.Event, "PATCHFERRY_SUMMARY=" + head.Summary}
	for _, v := range h.env {
		if name, _, _ := strings.Cut(v, "="); slices.Contains([]string{"PATH", "HOME", "LANG"}, name) {
			env = append(env, v)
		}
	}
	return env
}

// beginning keeps the beginning of what is written to it.
type beginning struct {
	kept []byte
	more bool
}

func (b *beginning) Write(p []byte) (int, error) {
	keep := min(len(p), maxOutput-len(b.kept))
	b.kept = append(b.kept, p[:keep]...)
	b.more = b.more || keep < len(p)
	return len(p), nil
}

// lines returns what was kept.
func (b *beginning) lines() string {
	if b.more {
		return string(b.kept) + " …"
	}
	return string(b.kept)
}
