package main

import (
	"crypto/tls"
	"fmt"
	"time"

	"patchferry/cmd/patchferry/internal/config"
)

// checkCertificate reads the certificate that serve would use.
func checkCertificate(c *config.Config, now time.Time) finding {
	f := finding{Check: "certificate", Result: "fail", Next: "renew it: tls.cert, tls.key"}
	pair, err := tls.LoadX509KeyPair(c.Path(c.TLS.Cert), c.Path(c.TLS.Key))
	if err != nil {
		f.Detail = err.Error()
		return f
	}
	end := pair.Leaf.NotAfter
	f.Detail = fmt.Sprintf("valid until %s", end.UTC().Format(time.DateOnly))
	switch {
	case now.Before(pair.Leaf.NotBefore) || now.After(end):
		return f
	case end.Sub(now) < 14*24*time.Hour:
		f.Result = "warn"
		return f
	}
	f.Result, f.Next = "ok", ""
	return f
}
