// Package cab reads cabinets ([MS-CAB]): what is in them, and the members, be
// they stored, MSZIP or LZX. It writes none, follows no cabinet onto a second
// disk, and knows nothing of what the members mean.
//
// Cabinets come from outside, so everything is bounded: at most 65,535 members
// (the format's own limit) with names of at most 255 bytes, in a directory of
// at most 8 MiB; blocks of at most 38,912 bytes that unpack to at most 32 KiB;
// an LZX window of at most 2 MiB. Nothing is read beyond the size that the
// caller states, and what does not add up is an error that matches ErrFormat.
// Names are given as they stand in the cabinet, with backslashes and dots: it is
// for callers to distrust them.
package cab
