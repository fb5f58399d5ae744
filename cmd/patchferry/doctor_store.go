package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout/store/s3"
)

// checkPlaces looks at the disks, and the bucket, on which store and work
// directory are.
func checkPlaces(ctx context.Context, c *config.Config) []finding {
	at, ok := c.Bucket()
	if !ok {
		return []finding{
			checkWrites("store", filepath.Join(c.StorePath(), "stage"), c.StorePath()),
			checkWrites("work", c.Path(c.Work), c.Path(c.Work)),
			checkApart(c),
			checkSpace("store", c.StorePath()),
		}
	}
	findings := checkBucket(ctx, c)
	if at.Credentials != "" {
		findings = append(findings, checkCredentials(at.Credentials))
	}
	return append(findings,
		checkWrites("work", c.Path(c.Work), c.Path(c.Work)),
		checkSpace("work", c.Path(c.Work)), // where files are staged
	)
}

// maxSkew is from which difference of the clocks doctor warns. Engines refuse
// requests from 15 minutes on.
const maxSkew = time.Minute

// checkBucket asks the engine of a bucket, on scratch keys, what it honours.
func checkBucket(ctx context.Context, c *config.Config) []finding {
	failed := func(err error) []finding {
		return []finding{{Check: "store engine", Result: "fail", Detail: err.Error(), Next: hintOf(err)}}
	}
	kept, err := openStore(ctx, c)
	if err != nil {
		return failed(err)
	}
	defer kept.Close() // what was written is gone again
	bucket, ok := kept.(*s3.Bucket)
	if !ok {
		return failed(errors.ErrUnsupported)
	}
	p, err := bucket.Probe(ctx)
	if err != nil {
		return failed(err)
	}
	findings := []finding{checkEngine(c, p)}
	for _, check := range p.Checks {
		findings = append(findings, checkHonoured(check))
	}
	return findings
}

func checkEngine(c *config.Config, p *s3.Probe) finding {
	f := finding{Check: "store engine", Result: "ok", Detail: c.StoreName()}
	if p.Engine != "" {
		f.Detail += ", " + oneLine(p.Engine, 80)
	}
	switch skew := p.Skew.Round(time.Second); {
	case !p.Writable():
		f.Result = "fail"
		f.Detail += ": nothing is written to it"
		f.Next = "see what it does not honour below; another engine, or a newer version of this one"
	case skew.Abs() > maxSkew:
		f.Result = "warn"
		f.Detail += fmt.Sprintf("; its clock differs from this one by %s", skew)
		f.Next = "set the clock that is wrong; from 15 minutes on the engine refuses everything"
	}
	return f
}

// checkHonoured words what the engine was found to do.
func checkHonoured(check s3.Check) finding {
	f := finding{Check: "store " + check.Name, Result: "ok", Detail: check.Asks}
	if check.Result == s3.Honoured {
		return f
	}
	f.Result = "warn"
	if check.Result != s3.Missing {
		f.Result = "fail"
	}
	f.Detail += ": " + string(check.Result)
	if check.Found != "" {
		f.Detail += ", " + oneLine(check.Found, 300)
	}
	switch {
	case check.Instead == "":
	case check.Result == s3.Missing:
		f.Detail += "; instead: " + check.Instead
	default:
		f.Next = check.Instead
	}
	return f
}

// checkCredentials looks who may read the keys to the bucket.
func checkCredentials(file string) finding {
	f := finding{Check: "store credentials", Result: "ok", Detail: file}
	info, err := os.Stat(file)
	switch {
	case err != nil:
		f.Result, f.Detail = "fail", err.Error()
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		f.Result, f.Detail, f.Next = "warn", file+" can be read by others on this machine", "chmod 600 "+shellWord(file)
	}
	return f
}
