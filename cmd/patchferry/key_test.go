package main

import (
	"bytes"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"patchferry/verify"
)

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
