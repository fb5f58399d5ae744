package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// row collects the rounds of one contender.
type row struct {
	err                            error
	ratio, requests                []float64
	p50, p99, slowest, most, whole []float64 // seconds
	failed, wrong                  []float64
	cpu, resident, anonymous       []float64
	files, disk                    []float64
	said                           map[string]int // what clients complained of
}

func (r *row) add(o *outcome) {
	var first []float64
	var most, whole time.Duration
	failed, wrong := 0, 0
	for _, s := range o.all {
		wrong += s.Wrong
		if s.Bytes > 0 {
			first = append(first, s.First.Seconds())
		}
		if s.Err != "" {
			failed++
			r.complain(s.Err)
			continue
		}
		most, whole = max(most, s.Most), max(whole, s.Done)
	}
	slices.Sort(first)
	at := func(q float64) float64 {
		if len(first) == 0 {
			return 0
		}
		return first[min(len(first)-1, int(q*float64(len(first))))]
	}
	for values, v := range map[*[]float64]float64{
		&r.ratio: float64(o.sent.Bytes) / float64(o.size), &r.requests: float64(o.sent.Requests),
		&r.p50: at(0.5), &r.p99: at(0.99), &r.slowest: at(1), &r.most: most.Seconds(), &r.whole: whole.Seconds(),
		&r.failed: float64(failed), &r.wrong: float64(wrong),
		&r.cpu: o.used.cpu, &r.resident: o.used.resident / (1 << 20), &r.anonymous: o.used.anonymous / (1 << 20),
		&r.files: float64(o.used.files), &r.disk: float64(o.disk) / 1e6,
	} {
		*values = append(*values, v)
	}
}

// complain counts what a client says, without the addresses in it.
func (r *row) complain(what string) {
	if r.said == nil {
		r.said = make(map[string]int)
	}
	if i := strings.LastIndex(what, ": "); i >= 0 {
		what = what[i+2:]
	}
	r.said[what]++
}

// complaints lists what clients say, most often said first.
func (r *row) complaints() string {
	var all []string
	for what := range r.said {
		all = append(all, what)
	}
	slices.SortFunc(all, func(a, b string) int { return r.said[b] - r.said[a] })
	for i, what := range all {
		all[i] = fmt.Sprintf("%d: %s", r.said[what], what)
	}
	return strings.Join(all[:min(len(all), 2)], "; ")
}

func printTable(s scene, rows []row, limit time.Duration) {
	fmt.Printf("\n%s: %s\nwanted: %s\n", s.name, s.about, s.want)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\torigin\trequests\tTTFB p50\tp99\tmax\tall but tail\ttime\tof limit\tfailed\twrong\tCPU s\tHWM MiB\tanon MiB\tfiles\tdisk MB\t")
	for i := range rows {
		r := &rows[i]
		if r.err != nil || len(r.ratio) == 0 {
			continue
		}
		fmt.Fprintf(w, "%s\t%.3fx\t%.0f\t%s\t%s\t%s\t%.2f s\t%.2f s\t%.2fx\t%.0f\t%.0f\t%.2f\t%.0f\t%.0f\t%.0f\t%.0f\t\n", contenders[i].name,
			median(r.ratio), median(r.requests), millis(r.p50), millis(r.p99), millis(r.slowest),
			median(r.most), median(r.whole), median(r.whole)/limit.Seconds(), median(r.failed), median(r.wrong),
			median(r.cpu), median(r.resident), median(r.anonymous), median(r.files), median(r.disk))
	}
	_ = w.Flush()
	for i := range rows {
		if said := rows[i].complaints(); said != "" {
			fmt.Printf("%s's clients: %s\n", contenders[i].name, said)
		}
		if rows[i].err != nil {
			fmt.Printf("%s: not measured: %v\n", contenders[i].name, rows[i].err)
		}
	}
}

func millis(seconds []float64) string { return fmt.Sprintf("%.0f ms", median(seconds)*1e3) }

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
