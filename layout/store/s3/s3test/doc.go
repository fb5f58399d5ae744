// Package s3test is a real S3 engine for tests: versitygw, built once from the
// module pinned in testdata/versitygw, or whatever engine the environment names:
//
//	TEST_S3_ENDPOINT    http://host:port or https://host:port
//	TEST_S3_ACCESS_KEY  the keys; they may make and remove buckets
//	TEST_S3_SECRET_KEY
//	TEST_S3_REGION      default us-east-1
//	TEST_S3_CA          a file of certificates, for https
//
// A test says
//
//	c := s3test.Start(t).Bucket(t)
//
// and has a new, empty bucket of its own. Faults and Line stand between a store
// and the engine and fail on purpose.
package s3test
