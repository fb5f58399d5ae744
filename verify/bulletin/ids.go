package bulletin

import (
	"regexp"
	"strings"
)

var (
	// msPattern is a bulletin of Microsoft's: MS98-001 to MS17-023.
	msPattern = regexp.MustCompile(`(?i)\bMS[0-9]{2}-[0-9]{3}\b`)
	// cvePattern is a CVE, also as the candidate that all were until 2005.
	cvePattern = regexp.MustCompile(`(?i)\b(?:CVE|CAN)-([0-9]{4}-[0-9]{4,7})\b`)
	// articlePattern is an article of the knowledge base that is called so.
	articlePattern = regexp.MustCompile(`(?i)\b(?:KB|Q)[ -]?([0-9]{5,7})\b`)
	// titlePattern is the article in a title: the digits in parentheses.
	titlePattern = regexp.MustCompile(`(?i)\((?:KB|Q)?([0-9]{6,7}(?:[,;] ?(?:KB|Q)?[0-9]{6,7})*)\)`)
	// knowledgePattern is an article named in a sentence, without its letters.
	knowledgePattern = regexp.MustCompile(`(?i)\bKnowledge Base(?: \(KB\))? articles?:? ([QKB0-9, and]*[0-9]{5,7})\b`)
	digitsPattern    = regexp.MustCompile(`\b(?:KB|Q)?([0-9]{5,7})\b`)
)

// bulletinIDs returns Microsoft's bulletins in s, in upper case.
func bulletinIDs(s string) []string {
	all := msPattern.FindAllString(s, maxSupersedes)
	for i := range all {
		all[i] = strings.ToUpper(all[i])
	}
	return all
}

// cves returns the CVEs in s, candidates as CVEs.
func cves(s string) []string {
	if !strings.Contains(s, "-") {
		return nil
	}
	var all []string
	for _, m := range cvePattern.FindAllStringSubmatch(s, maxCVEs) {
		all = append(all, "CVE-"+m[1])
	}
	return all
}

// articles returns the KB articles in s that are called so: Q311967, KB835732,
// KB 835732.
func articles(s string) []string {
	var all []string
	for _, m := range articlePattern.FindAllStringSubmatch(s, maxKBs) {
		all = append(all, m[1])
	}
	return all
}

// titleArticles returns the KB articles of a title: "… (835732)", "… (Q311967)",
// "… (KB 958644)".
func titleArticles(s string) []string {
	all := articles(s)
	for _, m := range titlePattern.FindAllStringSubmatch(s, maxKBs) {
		all = append(all, digitRuns(m[1])...)
	}
	return all
}

// knowledgeArticles returns the KB articles that s calls articles of the
// knowledge base, with letters before the digits or without.
func knowledgeArticles(s string) []string {
	var all []string
	for _, m := range knowledgePattern.FindAllStringSubmatch(s, maxKBs) {
		all = append(all, digitRuns(m[1])...)
	}
	return all
}

// digitRuns returns the article numbers in a list of nothing else.
func digitRuns(s string) []string {
	var all []string
	for _, m := range digitsPattern.FindAllStringSubmatch(s, maxKBs) {
		all = append(all, m[1])
	}
	return all
}

// pageOf returns the first web address in s whose last part is the name, with
// an extension or without: ".../ms02-017.asp".
func pageOf(name, s string) string {
	for _, address := range addresses(s) {
		last := address[strings.LastIndexByte(address, '/')+1:]
		rest, ok := strings.CutPrefix(strings.ToLower(last), strings.ToLower(name))
		if ok && (rest == "" || rest[0] == '.' && len(rest) <= len(".shtml")) {
			return address
		}
	}
	return ""
}

var addressPattern = regexp.MustCompile(`(?i)\bhttps?://[^\s<>"']+`)

// addresses returns the web addresses in s, each whole as it is written,
// without the punctuation of the sentence around it. An address ends where a
// character stands that no line may show: left out, it would make another one.
func addresses(s string) []string {
	if !strings.Contains(s, "://") {
		return nil
	}
	var all []string
	for _, a := range addressPattern.FindAllString(s, 100) {
		if end := strings.IndexFunc(a, unshown); end >= 0 {
			a = a[:end]
		}
		if a = strings.TrimRight(a, ".,;:!?)]}*"); len(a) <= maxURL {
			all = append(all, a)
		}
	}
	return all
}
