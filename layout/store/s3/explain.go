package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/minio/minio-go/v7"
)

// ErrNoBucket is matched by the errors of a Bucket whose bucket is no longer
// there. Such an error does not match fs.ErrNotExist: nothing is known of the
// keys.
var ErrNoBucket = errors.New("the bucket is not there")

// ErrNotHonoured is matched by the errors of methods that would write to an
// engine that does not keep what is there already.
var ErrNotHonoured = errors.New("the engine does not honour create-only writes (If-None-Match: *)")

// Codes of S3 ("Error responses") and of the engines that we met.
const (
	codeNoKey     = "NoSuchKey"
	codeNoBucket  = "NoSuchBucket"
	codeNoUpload  = "NoSuchUpload"
	codeSkewed    = "RequestTimeTooSkewed"
	codeSignature = "SignatureDoesNotMatch"
	codeTaken     = "PreconditionFailed"
)

var (
	codesKeys = []string{
		"InvalidAccessKeyId", "ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired", codeSignature,
		"XAdminUserNotFound", // versitygw, with 404
	}
	codesSpace = []string{
		"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientCapacity",
	}
	codesRegion = []string{"AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect", "IllegalLocationConstraintException", "InvalidRegion"}
)

// keysRefused reports whether other credentials may have another answer.
func (x *exchange) keysRefused() bool {
	return x.err == nil && slices.Contains(codesKeys, x.code)
}

func (x *exchange) noSpace() bool {
	return x.err == nil && (x.status == http.StatusInsufficientStorage || slices.Contains(codesSpace, x.code))
}

// missingKey reports whether the engine said that the bucket is there and the
// key is not. A 404 without that word, of a proxy for instance, says nothing.
func (x *exchange) missingKey() bool {
	return x.err == nil && x.status == http.StatusNotFound && x.code == codeNoKey
}

// taken reports whether the engine refused a create-only write because of what
// is there.
func (x *exchange) taken() bool {
	return x.err == nil && (x.status == http.StatusPreconditionFailed || x.code == codeTaken)
}

// read notes an error that came in an answer that began with 200, as engines
// send it that need long to complete an upload.
func (x *exchange) read(err error) {
	var said minio.ErrorResponse
	if x.err == nil && x.status == http.StatusOK && errors.As(err, &said) && said.Code != "" {
		x.status, x.code, x.message = http.StatusBadRequest, said.Code, said.Message
	}
}

// explain returns the cause of a failed request in words, with what to do where
// there is something. It has no credentials in it.
func (b *Bucket) explain(x *exchange, err error) error {
	switch {
	case isContract(err), errors.Is(err, fs.ErrNotExist):
		return err
	case x.err != nil:
		return b.explainConnection(x.err)
	case x.status == 0:
		return err
	case x.status < 300:
		return fmt.Errorf("the answer of %s cannot be read: %w", b.config.Endpoint, err)
	}
	return b.explainAnswer(x)
}

func (b *Bucket) explainConnection(err error) error {
	at := b.config.Endpoint
	var authority x509.UnknownAuthorityError
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var name *net.DNSError
	switch {
	case errors.As(err, &authority):
		return fmt.Errorf("the certificate of %s leads to no authority that is known here (ca=FILE in the store's URL names its certificates): %w", at, err)
	case errors.As(err, &verification):
		return fmt.Errorf("the certificate of %s is not right: %w", at, err)
	case errors.As(err, &record):
		return fmt.Errorf("%s does not speak TLS (endpoint=http://… where it has none): %w", at, err)
	case errors.As(err, &name):
		return fmt.Errorf("the name of %s cannot be resolved (check endpoint= in the store's URL): %w", at, err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nothing listens at %s (check endpoint= in the store's URL, and that the engine runs): %w", at, err)
	case errors.Is(err, errStalled):
		return fmt.Errorf("%s: %w", at, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s did not answer in time: %w", at, err)
	}
	return fmt.Errorf("the connection to %s failed: %w", at, err)
}

func (b *Bucket) explainAnswer(x *exchange) error {
	c := &b.config
	said := x.said()
	switch {
	case x.code == codeNoBucket:
		return fmt.Errorf("%w: %s has no bucket %q (make it on the engine, or check the store's URL): %s", ErrNoBucket, c.Endpoint, c.Bucket, said)
	case x.code == codeSkewed:
		return b.explainSkew(x)
	case x.code == codeSignature:
		return fmt.Errorf("%w: %s does not accept the signature: the secret key is not that of the access key, or region= or style= is not the engine's: %s", fs.ErrPermission, c.Endpoint, said)
	case strings.HasPrefix(x.code, "ExpiredToken"), x.code == "TokenRefreshRequired":
		return fmt.Errorf("%w: the credentials have expired (renew %s): %s", fs.ErrPermission, b.whereKeys(), said)
	case x.keysRefused():
		return fmt.Errorf("%w: %s does not know the credentials (check %s): %s", fs.ErrPermission, c.Endpoint, b.whereKeys(), said)
	case slices.Contains(codesRegion, x.code), x.status == http.StatusMovedPermanently, x.status == http.StatusTemporaryRedirect:
		where := ""
		if x.region != "" {
			where = fmt.Sprintf(", it names %q", x.region)
		}
		return fmt.Errorf("%s is not in the region %q%s (region= in the store's URL): %s", c.Bucket, c.Region, where, said)
	case x.noSpace():
		return fmt.Errorf("%w: %s takes no more: full, or over its quota: %s", syscall.ENOSPC, c.Endpoint, said)
	case x.status == http.StatusForbidden:
		return fmt.Errorf("%w: the credentials (%s) may not do this on bucket %q: %s", fs.ErrPermission, b.whereKeys(), c.Bucket, said)
	case x.status == http.StatusNotFound && x.code == "":
		return fmt.Errorf("%s answered 404 and did not say what is missing: is it an S3 endpoint?", c.Endpoint)
	}
	return fmt.Errorf("%s answered %s", c.Endpoint, said)
}

// explainSkew names both clocks.
func (b *Bucket) explainSkew(x *exchange) error {
	now := time.Now().UTC()
	if !x.clock {
		return fmt.Errorf("the clocks differ too much: it is %s here: %s (set the clock)", now.Format(time.RFC3339), x.said())
	}
	theirs := now.Add(x.skew)
	return fmt.Errorf("the clocks differ too much: it is %s here and %s at %s (set the clock that is wrong): %s",
		now.Format(time.RFC3339), theirs.Format(time.RFC3339), b.config.Endpoint, x.said())
}

// whereKeys names where the credentials came from.
func (b *Bucket) whereKeys() string {
	c := &b.config
	switch {
	case c.Credentials != "" && c.Profile != "":
		return fmt.Sprintf("%s, section [%s]", c.Credentials, c.Profile)
	case c.Credentials != "":
		return c.Credentials
	case b.keys == nil:
		return "those of the instance"
	}
	return envAccessKey + " and " + envSecretKey + " in the environment"
}

// said returns the engine's own words, cut, on one line, with the number under
// which the engine's log has the request.
func (x *exchange) said() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d", x.status)
	if x.code != "" {
		b.WriteString(" " + plain(x.code))
	}
	if x.message != "" {
		b.WriteString(", " + plain(x.message))
	}
	if x.id != "" {
		b.WriteString(" (request " + plain(x.id) + ")")
	}
	return b.String()
}

// plain makes what an engine said fit for a terminal.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '.'
		}
		return r
	}, s)
	if len(s) > 200 {
		s = s[:200] + "..."
	}
	return s
}
