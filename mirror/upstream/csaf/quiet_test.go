package csaf_test

import (
	"io"
	"log"
)

// quiet keeps what servers log of clients that hang up out of the output.
var quiet = log.New(io.Discard, "", 0)
