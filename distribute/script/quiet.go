package script

import _ "embed"

// quietText is quiet.reg, with LF.
//
//go:embed quiet.reg
var quietText string

// quiet writes quiet.reg: policies that keep a host from asking Microsoft's
// update servers, which it cannot reach.
func quiet() ([]byte, error) { return []byte(crlf(quietText)), nil }
