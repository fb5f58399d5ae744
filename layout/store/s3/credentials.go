package s3

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// The variables that are asked where no file is named, and no others.
const (
	envAccessKey    = "AWS_ACCESS_KEY_ID"
	envSecretKey    = "AWS_SECRET_ACCESS_KEY"
	envSessionToken = "AWS_SESSION_TOKEN"
)

// keys gives minio-go the credentials. It is our own for the sake of what those
// of minio-go do besides: run programs that a file names, ask a sign-on service,
// look in the home directory.
type keys struct {
	file, profile string

	mu      sync.Mutex
	last    credentials.Value
	renewed bool // minio-go has not asked for last yet
	count   int  // of the keys before last
}

// newCredentials returns what signs the requests of c, and its keys where they
// can be read again, which those of an instance do by themselves.
func newCredentials(c Config) (*credentials.Credentials, *keys, error) {
	k := &keys{file: c.Credentials, profile: c.Profile}
	v, err := k.read()
	if errors.Is(err, errNoKeys) && c.Instance && c.Credentials == "" {
		return credentials.NewIAM(""), nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	k.last = v
	return credentials.New(k), k, nil
}

var errNoKeys = errors.New("no credentials (credentials=FILE in the store's URL, or " + envAccessKey + " and " + envSecretKey + " in the environment)")

func (k *keys) read() (credentials.Value, error) {
	if k.file != "" {
		return k.readFile()
	}
	v := credentials.Value{
		AccessKeyID:     os.Getenv(envAccessKey),
		SecretAccessKey: os.Getenv(envSecretKey),
		SessionToken:    os.Getenv(envSessionToken),
	}
	if v.AccessKeyID == "" || v.SecretAccessKey == "" {
		return v, errNoKeys
	}
	return v, nil
}

func (k *keys) readFile() (credentials.Value, error) {
	f, err := os.Open(k.file)
	if err != nil {
		return credentials.Value{}, fmt.Errorf("credentials: %w", err)
	}
	v, err := parseCredentials(f, k.profile)
	if err = errors.Join(err, f.Close()); err != nil {
		return credentials.Value{}, fmt.Errorf("credentials %s: %w", k.file, err)
	}
	return v, nil
}

// maxCredentials is the largest credentials file that is read, in bytes.
const maxCredentials = 1 << 20

// parseCredentials reads one section of a file in the form of
// ~/.aws/credentials (AWS SDKs and Tools Reference Guide, "Shared config and
// credentials files"). No error repeats what the file says.
func parseCredentials(r io.Reader, profile string) (credentials.Value, error) {
	if profile == "" {
		profile = "default"
	}
	data, err := io.ReadAll(io.LimitReader(r, maxCredentials+1))
	if err != nil {
		return credentials.Value{}, err
	}
	if len(data) > maxCredentials {
		return credentials.Value{}, fmt.Errorf("larger than %d bytes", maxCredentials)
	}
	var v credentials.Value
	inside, found := false, false
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		line := strings.TrimSpace(s.Text())
		if name, ok := strings.CutPrefix(line, "["); ok {
			name, _, _ = strings.Cut(name, "]")
			inside = strings.TrimSpace(name) == profile
			found = found || inside
			continue
		}
		if !inside || line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		name, value, _ := strings.Cut(line, "=")
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "aws_access_key_id":
			v.AccessKeyID = value
		case "aws_secret_access_key":
			v.SecretAccessKey = value
		case "aws_session_token":
			v.SessionToken = value
		}
	}
	if !found {
		return v, fmt.Errorf("it has no section [%s]", profile)
	}
	if v.AccessKeyID == "" || v.SecretAccessKey == "" {
		return v, fmt.Errorf("section [%s] must have aws_access_key_id and aws_secret_access_key", profile)
	}
	if strings.ContainsFunc(v.AccessKeyID+v.SecretAccessKey+v.SessionToken, notGraphic) {
		return v, fmt.Errorf("section [%s] has a key with a blank or a control character in it", profile)
	}
	return v, nil
}

func notGraphic(r rune) bool { return r <= ' ' || r > '~' }

// RetrieveWithCredContext implements credentials.Provider.
func (k *keys) RetrieveWithCredContext(*credentials.CredContext) (credentials.Value, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.renewed = false
	return k.last, nil
}

// Retrieve implements credentials.Provider.
func (k *keys) Retrieve() (credentials.Value, error) { return k.RetrieveWithCredContext(nil) }

// IsExpired implements credentials.Provider.
func (k *keys) IsExpired() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.renewed
}

// version counts the keys that were had; a request takes it before it is made.
func (k *keys) version() int {
	if k == nil {
		return 0
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.count
}

// renew reads the file again and reports whether there are other keys now than
// those of the version since: of many requests that were refused at the same time
// one finds the new keys, and all are made again.
func (k *keys) renew(since int) bool {
	if k == nil || k.file == "" {
		return false
	}
	v, err := k.readFile()
	k.mu.Lock()
	defer k.mu.Unlock()
	if err == nil && v != k.last { // what is wrong with the old keys is said already
		k.last, k.renewed = v, true
		k.count++
	}
	return k.count != since
}
