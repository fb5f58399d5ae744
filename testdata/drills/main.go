// Command drills is what the drills of docs/scale.md need besides patchferry: a
// publisher of large files, and hosts that fetch from several servers, go on at
// another one where a server fails them, and compare every file by its digest.
//
//	drills publish -listen 127.0.0.1:8531
//	drills list -base http://127.0.0.1:8531 -set first -small 400 -large 4
//	drills load -list FILE -servers http://127.0.0.1:8541,http://127.0.0.1:8542 [-for 30s]
//	patchferry sync --progress json 2>&1 | drills watch
//
// publish has every file whose name list prints, and needs no disk for them. load
// fetches each file of the list once, or with -for whatever comes by until the time
// is over, and says what was wrong (nothing may be) and how long a host waited.
// watch says how long a sync waited between two files that were kept.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "drills:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("publish, list, load or watch")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:8531", "publish: the address")
	var s set
	flags.StringVar(&s.base, "base", "http://127.0.0.1:8531", "list: the publisher")
	flags.StringVar(&s.name, "set", "first", "list: the name of the set; another name, other bytes")
	flags.IntVar(&s.small, "small", 400, "list: files of 1 MiB")
	flags.IntVar(&s.large, "large", 4, "list: files of 100 MiB")
	var l load
	list := flags.String("list", "", "load: the file that list has printed")
	servers := flags.String("servers", "", "load: where to fetch from, with commas")
	flags.IntVar(&l.clients, "clients", 16, "load: hosts that fetch at a time")
	flags.DurationVar(&l.time, "for", 0, "load: until this has passed; 0 fetches every file once")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "publish":
		return publish(ctx, *listen)
	case "list":
		return s.print(os.Stdout)
	case "watch":
		return watch(os.Stdin, os.Stdout)
	case "load":
		l.servers = strings.Split(*servers, ",")
		if err := l.read(*list); err != nil {
			return err
		}
		return l.run(ctx)
	}
	return fmt.Errorf("no verb %q", args[0])
}

// publish serves every file that there is until ctx ends.
func publish(ctx context.Context, listen string) error {
	server := &http.Server{Addr: listen, ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(serveNoise)}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
