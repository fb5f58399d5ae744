// Package upstream fetches lists and files from publishers, for every kind of
// source alike: with retries, resumption by range across restarts of the
// program, limits of connections and bandwidth, hours in which it may run, and
// a list of the hosts that each source may talk to. Parts of files that hosts of
// the LAN wait for come one request at a time, by connections of their own.
//
// It reports what it received (length, digests, validators, the key of the
// server) and compares it with what the caller was told to expect. It keeps
// no store and judges no evidence: whether bytes may enter a store is for
// mirror to say. The packages below it turn publishers' formats into updates
// and use no network.
package upstream
