package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/mirror/upstream"
	"patchferry/verify"

	"patchferry/layout/durable"
)

// finding is one thing that doctor looked at (docs/json.md).
type finding struct {
	Check  string `json:"check"`
	Result string `json:"result"` // ok, warn or fail
	Detail string `json:"detail"`
	Next   string `json:"next,omitempty"`
}

func (a *app) doctorCommand() *cobra.Command {
	var online bool
	cmd := &cobra.Command{
		Use:     "doctor",
		Short:   "Check clock, disk, store, keys, pins and ports",
		Example: "  patchferry doctor\n  patchferry doctor --online",
		Long: `Look at everything that a mirror stands on, and say what is wrong with it and what
to do. It writes a small file to the store's stage and to the work directory, and
removes it; where the store is a bucket it asks the engine, on scratch keys that it
removes, for everything that a store needs: what is missing, and what is done
instead, has a line of its own. With --online it also looks up the hosts of the sources, on a near side.
Exit status 1 when a check fails.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := a.load(cmd, nil)
			if err != nil {
				return err
			}
			if online {
				if err := needNear(&l.Config, "it looks up no names", "patchferry doctor"); err != nil {
					return err
				}
			}
			return a.printFindings(a.examine(cmd.Context(), l, online))
		},
	}
	cmd.Flags().BoolVar(&online, "online", false, "look up the hosts of the sources, too")
	return cmd
}

func (a *app) printFindings(findings []finding) error {
	failed := 0
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	for _, f := range findings {
		if f.Result == "fail" {
			failed++
		}
		if a.json {
			if err := a.printJSON(f); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.Result, f.Check, f.Detail)
		if f.Next != "" {
			fmt.Fprintf(w, "\t\tnext: %s\n", f.Next)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d checks failed", failed, len(findings))
	}
	return nil
}

// examine makes all checks. Each stands alone: one that fails stops no other.
func (a *app) examine(ctx context.Context, l *config.Loaded, online bool) []finding {
	c := &l.Config
	findings := []finding{{Check: "configuration", Result: "ok", Detail: l.File}}
	for _, w := range l.Warnings {
		findings = append(findings, finding{Check: "configuration", Result: "warn", Detail: w})
	}
	now := time.Now()
	status, err := a.status(ctx, c, now)
	findings = append(findings,
		checkClock(currentBuild(), now, time.Duration(status.ClockBehind)*time.Second),
		checkKeys(c),
		checkStore(c, &status, err, now),
	)
	findings = append(findings, checkPlaces(ctx, c)...)
	findings = append(findings, checkListen(ctx, c))
	if c.TLS.Cert != "" {
		findings = append(findings, checkCertificate(c, time.Now()))
	}
	findings = append(findings, checkOrigins(ctx, c)...)
	findings = append(findings, checkStreams(c, status.Streams)...)
	findings = append(findings, checkHooks(c)...)
	if trust, err := readTrust(c); err == nil { // else checkKeys says why
		findings = append(findings, checkBulletinPins(c, trust.Pins)...)
		findings = append(findings, checkKeyEnds(trust, time.Now())...)
	}
	if online {
		findings = append(findings, a.checkHosts(ctx, c)...)
	}
	return findings
}

// checkClock compares the clock with the day this program was built from, and with
// the newest date that was accepted here, which it is behind by so much:
// every signature and every evidence carries a time.
func checkClock(b build, now time.Time, behind time.Duration) finding {
	f := finding{Check: "clock", Result: "ok", Detail: now.UTC().Format(time.RFC3339)}
	built, err := time.Parse(time.RFC3339, b.Time)
	if err != nil {
		built = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if now.Before(built) {
		f.Result = "fail"
		f.Detail += " lies before this program was made"
		f.Next = "set the clock"
	}
	if behind > 0 {
		f.Result = "fail"
		f.Detail += ", " + clockWords(behind)
		f.Next = "set the clock; if it is right, that of the near side is wrong, or this one once was ahead"
	}
	return f
}

func checkKeys(c *config.Config) finding {
	f := finding{Check: "pins", Result: "fail"}
	trust, err := readTrust(c)
	if err != nil {
		f.Detail, f.Next = err.Error(), hintOf(err)
		return f
	}
	for _, p := range []verify.Purpose{verify.PurposeSite, verify.PurposeOrigin} {
		if len(trust.Pins.For(p)) == 0 {
			f.Detail = fmt.Sprintf("no key is pinned for %s: nothing can be read", p)
			f.Next = initCommand(c) + " makes keys and pins"
			return f
		}
	}
	names := []string{originKey, siteKey}
	if c.Role == config.Far { // which makes no generations
		names = names[1:]
	}
	for _, name := range names {
		info, err := os.Stat(c.KeyFile(name + ".key"))
		if err != nil {
			f.Result, f.Detail = "warn", fmt.Sprintf("%v: this machine cannot publish", err)
			return f
		}
		if info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
			f.Detail = fmt.Sprintf("%s can be read by others", c.KeyFile(name+".key"))
			f.Next = "chmod 600 " + c.KeyFile(name+".key")
			return f
		}
	}
	f.Result, f.Detail = "ok", fmt.Sprintf("%d pins", len(trust.Pins.All()))
	return f
}

// checkStore says what a status found.
func checkStore(c *config.Config, r *statusReport, err error, now time.Time) finding {
	f := finding{Check: "store", Result: "fail"}
	switch {
	case err != nil:
		f.Detail, f.Next = err.Error(), hintOf(err)
	case r.State == 0:
		f.Result, f.Detail, f.Next = "warn", "nothing was published yet", refill(c)
	case r.At.Time().After(now.Add(time.Hour)):
		f.Detail, f.Next = fmt.Sprintf("state %d is dated %s, in the future", r.State, r.At), "set the clock"
	default:
		f.Result, f.Detail = "ok", fmt.Sprintf("state %d, generation %d", r.State, r.Generation)
	}
	return f
}

// checkStreams says of each stream that is followed whether it is overdue.
func checkStreams(c *config.Config, streams []streamReport) []finding {
	var findings []finding
	for i := range streams {
		r := &streams[i]
		f := finding{Check: "stream " + oneLine(r.Name, 40), Result: "ok", Detail: r.Bundle + " is the newest"}
		switch {
		case r.Stale:
			f.Result, f.Next = "warn", refill(c)
			f.Detail += fmt.Sprintf("; the next one was due on %s", r.Next)
		case !r.Next.IsZero():
			f.Detail += fmt.Sprintf("; the next one is due on %s", r.Next)
		}
		findings = append(findings, f)
	}
	return findings
}

// checkWrites makes a file in from, durably, links it to the folder to, and
// removes both: that is what admits a file.
func checkWrites(what, from, to string) finding {
	f := finding{Check: what + " writes", Result: "ok", Detail: "write, sync and hard link in " + to}
	if err := probe(from, to); err != nil {
		f.Result, f.Detail = "fail", err.Error()
		f.Next = "a local disk with hard links (ext4, xfs, NTFS, not FAT), writable for this user; stage and objects on one file system"
	}
	return f
}

func probe(from, to string) (err error) {
	tmp, err := os.CreateTemp(from, ".doctor-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(tmp.Name())) }()
	_, err = tmp.Write(make([]byte, 4096))
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	link := filepath.Join(to, filepath.Base(tmp.Name())+".link")
	if err := os.Link(tmp.Name(), link); err != nil {
		return err
	}
	return errors.Join(durable.SyncDir(to), os.Remove(link))
}

// checkApart finds a work directory inside of the store: set back together they
// would not notice.
func checkApart(c *config.Config) finding {
	f := finding{Check: "work apart", Result: "ok", Detail: c.Path(c.Work)}
	rel, err := filepath.Rel(c.StorePath(), c.Path(c.Work))
	if err == nil && filepath.IsLocal(rel) {
		f.Result, f.Detail = "fail", fmt.Sprintf("%s lies in the store: its high-water mark guards nothing there", c.Path(c.Work))
		f.Next = "move it, and set work"
	}
	return f
}

// leastSpace is where doctor begins to warn.
const leastSpace = 10 << 30

func checkSpace(what, dir string) finding {
	f := finding{Check: what + " space", Result: "ok"}
	free, err := freeBytes(dir)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		f.Detail = "not known on this system"
	case err != nil:
		f.Result, f.Detail = "fail", err.Error()
	case free < leastSpace:
		f.Result, f.Detail = "warn", humanize.IBytes(free)+" left"
		f.Next = "make room: patchferry prune, or a larger disk"
	default:
		f.Detail = humanize.IBytes(free) + " left"
	}
	return f
}

func checkListen(ctx context.Context, c *config.Config) finding {
	f := finding{Check: "port", Result: "ok", Detail: c.Listen + " is free"}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", c.Listen)
	if err != nil {
		f.Result, f.Detail = "warn", err.Error()
		f.Next = "fine if patchferry serve runs; else another port: listen"
		return f
	}
	if err := l.Close(); err != nil {
		f.Result, f.Detail = "fail", err.Error()
	}
	return f
}

// checkHosts looks up the hosts that sources name.
func (a *app) checkHosts(ctx context.Context, c *config.Config) []finding {
	client, err := newClient(c, a.logger(&c.Log))
	if err != nil {
		return []finding{{Check: "sources", Result: "fail", Detail: err.Error(), Next: hintOf(err)}}
	}
	defer client.Close()
	var findings []finding
	seen := make(map[string]bool)
	for i := range c.Sources {
		s := &c.Sources[i]
		hosts := append([]string(nil), s.Hosts...)
		for _, place := range s.Places() {
			if u, err := url.Parse(place); err == nil && u.Host != "" {
				hosts = append(hosts, u.Host)
			}
		}
		for _, host := range hosts {
			if h, _, err := net.SplitHostPort(host); err == nil {
				host = h
			}
			if seen[host] || strings.HasPrefix(host, "*.") { // a pattern has no address
				continue
			}
			seen[host] = true
			findings = append(findings, checkHost(ctx, client, s.Name, host))
		}
	}
	return findings
}

func checkHost(ctx context.Context, client *upstream.Client, source, host string) finding {
	f := finding{Check: "source " + source, Result: "ok"}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	addresses, err := client.Lookup(ctx, host)
	if err == nil && len(addresses) == 0 {
		err = errors.New("it has no address")
	}
	if err != nil {
		f.Result, f.Detail, f.Next = "fail", err.Error(), "check the name, and this machine's DNS"
		return f
	}
	f.Detail = fmt.Sprintf("%s is %s", host, addresses[0])
	return f
}
