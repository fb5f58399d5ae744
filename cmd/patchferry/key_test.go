package main

import (
	"bytes"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"patchferry/verify"
)

// sign is "sign NAME clear|detached FILE OUT": it signs FILE with NAME.key, as
// on 2026-03-04.
func sign(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: sign NAME clear|detached FILE OUT")
	}
	key, err := verify.ReadSecret(strings.NewReader(ts.ReadFile(args[0]+".key")), nil)
	ts.Check(err)
	text, at := []byte(ts.ReadFile(args[2])), madeAt.AddDate(0, 2, 2)
	var out []byte
	switch args[1] {
	case "clear":
		out, err = key.ClearSign(text, at)
	case "detached":
		out, err = key.Sign(text, at)
	default:
		ts.Fatalf("%s is neither clear nor detached", args[1])
	}
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[3]), out, 0o600))
}

// madeAt is when the keys of scripts were made.
var madeAt = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// makeKeys is "makekey NAME…": for each it makes a signing key, NAME.key, with
// its public half NAME.asc, and sets $NAME to its fingerprint and $NAME_grouped
// to the same in groups of four.
func makeKeys(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: makekey NAME…")
	}
	for _, name := range args {
		key, err := verify.GenerateKey(name+" the publisher", madeAt)
		ts.Check(err)
		var public, secret bytes.Buffer
		ts.Check(key.WritePublic(&public))
		ts.Check(key.WriteSecret(&secret, nil))
		ts.Check(os.WriteFile(ts.MkAbs(name+".asc"), public.Bytes(), 0o600))
		ts.Check(os.WriteFile(ts.MkAbs(name+".key"), secret.Bytes(), 0o600))
		ts.Setenv(name, key.Fingerprint().String())
		ts.Setenv(name+"_grouped", key.Fingerprint().Grouped())
	}
}

// readOut is "readout FILE [NAME]": it sets $NAME, or $FPR, to the fingerprint
// of the key in a file, as it would be read out by telephone.
func readOut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: readout FILE [NAME]")
	}
	ring, err := verify.ReadKeyFile(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Setenv(append(args, "FPR")[1], ring.Fingerprints()[0].String())
}

// today is "today": it sets $TODAY to the day, in UTC.
func today(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Setenv("TODAY", time.Now().UTC().Format(time.DateOnly))
}

// replaceIn is "replace OLD NEW FILE": it replaces words in a file, which must
// hold them.
func replaceIn(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace OLD NEW FILE")
	}
	before := ts.ReadFile(args[2])
	after := strings.ReplaceAll(before, args[0], args[1])
	if after == before {
		ts.Fatalf("%s does not hold %q", args[2], args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(after), 0o600))
}

// mailbox is "mailbox OUT FILE…": it makes a mailbox with a mail for each file.
func mailbox(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: mailbox OUT FILE…")
	}
	var b strings.Builder
	for _, name := range args[1:] {
		b.WriteString("From secure@example.com Wed Mar  4 03:04:05 2026\nFrom: Security <secure@example.com>\nSubject: a bulletin\n" +
			"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n" + ts.ReadFile(name) + "\n")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b.String()), 0o600))
}
