// Package inspect says what kind of package the bytes of a file are, and what they
// say of themselves: programs by their version resource and the cabinet inside,
// MSI and MSP by their summary and properties, cabinets by their members, INF files
// by their version section. It reads a file where it lies, runs nothing, checks no
// signature, and writes nothing.
//
// Packages come from outside. Whatever a file says of its own sizes, looking at it
// takes at most 64 MiB of memory and unpacks at most 64 MiB and twice the size of the
// file, all members together, so that the time goes by what had to be fetched; of programs the first 4 MiB, their sections' heads and their resources are read. What is found is a
// description by the file itself, cleaned of control characters and cut to 200
// characters a word, and no reason to trust it.
//
// That CABINET is the resource in which IExpress keeps its files, what Hotfix.exe
// and Update.exe packages have in their cabinets, and the words of .NET and Defender
// packages is what others have observed of published packages, not a specification;
// the file name opatchinst.exe of Office packages is general knowledge, unproven.
// Where none of it is there, the name decides (layout.KindOf).
package inspect
