package s3_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout/store/s3"
)

func TestParseURL(t *testing.T) {
	tests := []struct {
		name, url string
		want      s3.Config
	}{
		{"short", "s3://bucket?endpoint=https://host:9000", s3.Config{Bucket: "bucket", Endpoint: "host:9000"}},
		{"a slash", "s3://bucket/?endpoint=https://host/", s3.Config{Bucket: "bucket", Endpoint: "host"}},
		{"no scheme", "s3://bucket?endpoint=host:9000", s3.Config{Bucket: "bucket", Endpoint: "host:9000"}},
		{"plain", "s3://bucket/a/b-c.d_E?endpoint=http://[fd00::1]:80", s3.Config{Bucket: "bucket", Prefix: "a/b-c.d_E", Endpoint: "[fd00::1]:80", Plain: true}},
		{"all", "s3://my.bucket-1/site/?endpoint=https://S3.example.net&region=eu-north-1&style=path&credentials=/etc/keys&profile=mirror&instance=true&ca=ca%20file.pem",
			s3.Config{Bucket: "my.bucket-1", Prefix: "site", Endpoint: "s3.example.net", Region: "eu-north-1", Style: s3.Path, Credentials: "/etc/keys", Profile: "mirror", Instance: true, CA: "ca file.pem"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := s3.ParseURL(tt.url)
			check(t, err)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			again, err := s3.ParseURL(got.String())
			if err != nil || !cmp.Equal(again, got) {
				t.Errorf("%s: got %v, %v, want the same", got, again, err)
			}
		})
	}
}

func TestParseURLRefuses(t *testing.T) {
	const at = "?endpoint=https://host"
	tests := []struct{ name, url, says string }{
		{"empty", "", "s3://"},
		{"other scheme", "file:///srv/store", "s3://"},
		{"no bucket", "s3://" + at, "names no bucket"},
		{"no endpoint", "s3://bucket", "endpoint="},
		{"empty endpoint", "s3://bucket?endpoint=", "empty"},
		{"other scheme of the endpoint", "s3://bucket?endpoint=ftp://host", "https:// or http://"},
		{"path in the endpoint", "s3://bucket?endpoint=https://host/x", "host"},
		{"port", "s3://bucket?endpoint=https://host:65536", "port"},
		{"no port", "s3://bucket?endpoint=https://host:", "port"},
		{"keys", "s3://AKIA:hunter2@bucket" + at, "keys do not belong"},
		{"keys in the endpoint", "s3://bucket?endpoint=https://AKIA:hunter2@host", "keys do not belong"},
		{"keys as parameters", "s3://bucket" + at + "&secret_key=hunter2", "is no parameter"},
		{"unknown parameter", "s3://bucket" + at + "&regoin=x", "regoin"},
		{"twice", "s3://bucket" + at + "&region=a&region=b", "more than once"},
		{"empty parameter", "s3://bucket" + at + "&region=", "empty"},
		{"style", "s3://bucket" + at + "&style=dns", "auto, path or host"},
		{"instance", "s3://bucket" + at + "&instance=maybe", "true or false"},
		{"profile alone", "s3://bucket" + at + "&profile=x", "credentials=FILE"},
		{"upper case", "s3://Bucket" + at, "no name of a bucket"},
		{"short bucket", "s3://ab" + at, "no name of a bucket"},
		{"address as bucket", "s3://10.0.0.1" + at, "no name of a bucket"},
		{"points", "s3://a..b" + at, "no name of a bucket"},
		{"fragment", "s3://bucket/a" + at + "#x", "fragment"},
		{"escaped prefix", "s3://bucket/a%2fb" + at, "escaped"},
		{"prefix upwards", "s3://bucket/a/../b" + at, "prefix"},
		{"empty part of the prefix", "s3://bucket/a//b" + at, "prefix"},
		{"blank in the prefix", "s3://bucket/a b" + at, "escaped"},
		{"long prefix", "s3://bucket/" + strings.Repeat("a", 600) + at, "longer"},
		{"line end in a file", "s3://bucket" + at + "&ca=a%0ab", "no name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := s3.ParseURL(tt.url)
			wantSays(t, err, tt.says)
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a secret stands in the error %q", err)
			}
			if !cmp.Equal(c, s3.Config{}) {
				t.Errorf("got %v with an error", c)
			}
		})
	}
}

// FuzzParseURL: what is read is written as a URL that is read as the same; no
// password comes through.
func FuzzParseURL(f *testing.F) {
	f.Add("s3://bucket/prefix?endpoint=https://host:9000&region=eu&style=host&credentials=/f&profile=p&ca=/c&instance=true")
	f.Add("s3://bucket?endpoint=http://[::1]:80")
	f.Add("s3://user:secret@bucket?endpoint=host")
	f.Fuzz(func(t *testing.T, url string) {
		c, err := s3.ParseURL(url)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("%q: the error has several lines: %q", url, err)
			}
			return
		}
		again, err := s3.ParseURL(c.String())
		if err != nil || !cmp.Equal(again, c) {
			t.Errorf("%q: got %v, %v from %q, want %v", url, again, err, c.String(), c)
		}
	})
}
