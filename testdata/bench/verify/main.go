// Command verify measures patchferry bulletin verify, in documents per second,
// beside gpgv, and beside gpg where that takes many documents in one process.
//
//	go run ./testdata/bench/verify [-rounds 5] [-copies 40] [-program FILE]
//
// It is started in the root of the module, where it builds patchferry, unless
// -program names one. Real advisories with detached signatures by RSA-4096 are
// used where the corpora are found beside a parent folder; else, and for texts
// signed in the clear, documents of its own, signed by Ed25519. Contenders take
// turns within a round; medians count. Every contender must find every document
// good.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 5, "alternating rounds; the median counts")
	copies := flag.Int("copies", 40, "copies of each real document")
	program := flag.String("program", "", "the patchferry to measure; empty builds one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := runAll(ctx, *rounds, *copies, *program); err != nil {
		fmt.Fprintln(os.Stderr, "bench verify:", err)
		os.Exit(1)
	}
}

func runAll(ctx context.Context, rounds, copies int, program string) (err error) {
	dir, err := os.MkdirTemp("", "bench-verify")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if program == "" {
		program = filepath.Join(dir, "patchferry")
		build := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/patchferry")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("build patchferry: %w", err)
		}
	}
	for _, gather := range []func(string, int) (*set, error){advisories, texts} {
		s, err := gather(dir, copies)
		if err != nil {
			return err
		}
		if err := s.prepare(ctx, dir); err != nil {
			return err
		}
		if err := s.race(ctx, rounds, contenders(program)); err != nil {
			return err
		}
	}
	return nil
}

// contender is one way to verify the documents of a set.
type contender struct {
	name string
	// run verifies every document and fails if any is not good. It is nil where
	// the program is not installed, or cannot take the set.
	run func(ctx context.Context, s *set) error
}

func contenders(program string) []contender {
	ours := func(ctx context.Context, s *set, args ...string) error {
		return command(ctx, program, append([]string{"bulletin", "verify", "--json", "--key", s.key}, args...)...)
	}
	all := []contender{
		{"gpgv, one process a document", func(ctx context.Context, s *set) error {
			return s.each(ctx, 1, func(d document) error { return gpgv(ctx, s, d) })
		}},
		{fmt.Sprintf("gpgv, one process a document, %d at once", runtime.NumCPU()), func(ctx context.Context, s *set) error {
			return s.each(ctx, runtime.NumCPU(), func(d document) error { return gpgv(ctx, s, d) })
		}},
		{"gpg --verify-files, one process for all", func(ctx context.Context, s *set) error {
			if s.detached {
				return errCannot
			}
			args := []string{"--homedir", s.home, "--batch", "--quiet", "--trust-model", "always", "--verify-files"}
			return command(ctx, "gpg", append(args, s.files()...)...)
		}},
		{"patchferry, one process a document", func(ctx context.Context, s *set) error {
			return s.each(ctx, 1, func(d document) error { return ours(ctx, s, d.file) })
		}},
		{"patchferry, one process for all, --jobs 1", func(ctx context.Context, s *set) error {
			return ours(ctx, s, append([]string{"--jobs", "1"}, s.files()...)...)
		}},
		{fmt.Sprintf("patchferry, one process for all, %d jobs", runtime.GOMAXPROCS(0)), func(ctx context.Context, s *set) error {
			return ours(ctx, s, s.files()...)
		}},
	}
	for i, program := range []string{"gpgv", "gpgv", "gpg"} {
		if _, err := exec.LookPath(program); err != nil {
			all[i].run = nil
		}
	}
	return all
}

func gpgv(ctx context.Context, s *set, d document) error {
	args := []string{"--quiet", "--keyring", s.ring}
	if s.detached {
		return command(ctx, "gpgv", append(args, d.signature, d.file)...)
	}
	return command(ctx, "gpgv", append(args, d.file)...)
}

// race lets the contenders take turns and prints their medians.
func (s *set) race(ctx context.Context, rounds int, all []contender) error {
	rates := make([][]float64, len(all))
	for range rounds {
		for i, c := range all {
			if c.run == nil {
				continue
			}
			start := time.Now()
			err := c.run(ctx, s)
			if err == errCannot {
				continue
			}
			if err != nil {
				return fmt.Errorf("%s: %s: %w", s.name, c.name, err)
			}
			rates[i] = append(rates[i], float64(len(s.documents))/time.Since(start).Seconds())
		}
	}
	fmt.Printf("\n%s (%d documents)\n\n| | documents/s | beside gpgv |\n|---|---|---|\n", s.name, len(s.documents))
	base := median(rates[0])
	for i, c := range all {
		rate := median(rates[i])
		switch {
		case rate == 0:
			fmt.Printf("| %s | - | - |\n", c.name)
		case base == 0:
			fmt.Printf("| %s | %.0f | - |\n", c.name, rate)
		default:
			fmt.Printf("| %s | %.0f | %.1fx |\n", c.name, rate, rate/base)
		}
	}
	return nil
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}
