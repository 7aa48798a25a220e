// Command ingress is an ingress controller made of Skipper's packages: the routes of one namespace's Ingress objects, served
// over TLS with a certificate that is read anew when its files change.
//
// Skipper's own program does the same and takes 5 minutes of processor time and 116 MB, for a policy engine and clients of
// clouds that no order needs. It also lists all Secrets of the namespace to find the certificate; here the kubelet mounts
// the one, and the controller may read no Secret at all.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"log"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/zalando/skipper/dataclients/kubernetes"
	"github.com/zalando/skipper/filters/builtin"
	"github.com/zalando/skipper/loadbalancer"
	"github.com/zalando/skipper/predicates/primitive"
	"github.com/zalando/skipper/predicates/traffic"
	"github.com/zalando/skipper/proxy"
	"github.com/zalando/skipper/routing"
)

// A web pod leaves the EndpointSlice at least five seconds before it stops (its preStop): five looks.
const poll = time.Second

// finish is longer than the order service's own patience with its queue (8 s).
const finish = 12 * time.Second

type settings struct {
	https, http, health, namespace, class, api, certificate string
	drain                                                   time.Duration
}

func main() {
	var s settings
	flag.StringVar(&s.https, "https", ":8443", "address for HTTPS")
	flag.StringVar(&s.http, "http", ":8080", "address for HTTP")
	flag.StringVar(&s.health, "health", ":8081", "address of /healthz and /readyz")
	flag.StringVar(&s.namespace, "namespace", "", "whose Ingress objects are served")
	flag.StringVar(&s.class, "class", "", "regular expression of the ingress class that is served")
	flag.StringVar(&s.certificate, "certificate", "", "folder with tls.crt and tls.key")
	flag.StringVar(&s.api, "api", "", "URL of the API server; empty: that of the cluster it runs in")
	flag.DurationVar(&s.drain, "drain", 5*time.Second, "between SIGTERM and the end of listening")
	flag.Parse()
	if s.namespace == "" || s.class == "" || s.certificate == "" {
		log.Fatal("-namespace, -class and -certificate are needed")
	}
	if err := run(s); err != nil {
		log.Fatal(err)
	}
}

func run(s settings) error {
	routes, err := kubernetes.New(kubernetes.Options{
		KubernetesInCluster:            s.api == "",
		KubernetesURL:                  s.api,
		KubernetesNamespace:            s.namespace,
		IngressClass:                   s.class,
		KubernetesEnableEndpointslices: true,
		DefaultLoadBalancerAlgorithm:   "roundRobin",
	})
	if err != nil {
		return err
	}
	defer routes.Close()
	endpoints := routing.NewEndpointRegistry(routing.RegistryOptions{})
	table := routing.New(routing.Options{
		FilterRegistry:  builtin.MakeRegistry(),
		PollTimeout:     poll,
		DataClients:     []routing.DataClient{routes},
		Predicates:      []routing.PredicateSpec{primitive.NewTrue(), traffic.New()},
		PostProcessors:  []routing.PostProcessor{loadbalancer.NewAlgorithmProvider(), endpoints},
		SignalFirstLoad: true,
	})
	defer table.Close()
	handler := proxy.WithParams(proxy.Params{
		Routing:           table,
		Flags:             proxy.PreserveHost,
		EndpointRegistry:  endpoints,
		AccessLogDisabled: true,
		Timeout:           2 * time.Second,

		CustomHttpRoundTripperWrap: newOverHTTP2,
	})
	defer handler.Close()
	certificate := &certificate{folder: s.certificate}
	if _, err := certificate.get(nil); err != nil {
		return err
	}
	return serve(s, inFullDuplex(withTrailers(handler)), certificate, table.FirstLoad())
}

// inFullDuplex leaves a request's body to whoever passes it on, also when the answer has begun. Otherwise the server reads
// what is left of the body and closes it before an answer's head goes out; the transport, which may not have seen the body's
// end yet, takes that for an error and closes the pod's connection under the answer: a head, and nothing after it.
func inFullDuplex(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			log.Printf("ingress: %v", err)
		}
		next.ServeHTTP(w, r)
	})
}

// serve listens until SIGTERM, says that it is going, and ends what is under way.
func serve(s settings, handler http.Handler, certificate *certificate, loaded <-chan struct{}) error {
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer cancel()
	var ready atomic.Bool
	health := &http.Server{Addr: s.health, Handler: healthHandler(&ready)}
	servers := []*http.Server{
		{Addr: s.http, Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute},
		{
			Addr: s.https, Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute,
			TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certificate.get},
		},
	}
	failed := make(chan error, 3)
	go func() { failed <- health.ListenAndServe() }()
	select {
	case <-loaded:
	case <-stop.Done():
		return nil
	case err := <-failed:
		return err
	}
	go func() { failed <- servers[0].ListenAndServe() }()
	go func() { failed <- servers[1].ListenAndServeTLS("", "") }()
	ready.Store(true)
	log.Printf("ingress: serving %s", s.namespace)
	select {
	case <-stop.Done():
	case err := <-failed:
		return err
	}
	ready.Store(false)
	for _, server := range servers {
		server.SetKeepAlivesEnabled(false) // whoever still comes is told to use another connection next time
	}
	time.Sleep(s.drain)
	return finishAll(servers)
}

func finishAll(servers []*http.Server) error {
	limit, cancel := context.WithTimeout(context.Background(), finish)
	defer cancel()
	var found []error
	var mutex sync.Mutex
	var group sync.WaitGroup
	for _, server := range servers {
		group.Go(func() {
			err := server.Shutdown(limit)
			mutex.Lock()
			defer mutex.Unlock()
			found = append(found, err)
		})
	}
	group.Wait()
	log.Print("ingress: gone")
	return errors.Join(found...)
}

func healthHandler(ready *atomic.Bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !ready.Load() {
			http.Error(w, "no routes yet, or draining", http.StatusServiceUnavailable)
		}
	})
	return mux
}

// certificate is the mounted Secret's. The kubelet swaps the link ..data, so that certificate and key come from one folder.
type certificate struct {
	folder string
	mutex  sync.Mutex
	from   string
	found  *tls.Certificate
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	folder, err := filepath.EvalSymlinks(filepath.Join(c.folder, "..data"))
	if err == nil && folder == c.from {
		return c.found, nil
	}
	var pair tls.Certificate
	if err == nil {
		pair, err = tls.LoadX509KeyPair(filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key"))
	}
	if err != nil {
		if c.found == nil {
			return nil, err
		}
		log.Printf("ingress: the certificate cannot be read, the last one is kept: %v", err)
		return c.found, nil
	}
	c.from, c.found = folder, &pair
	log.Printf("ingress: certificate %x until %s", pair.Leaf.SerialNumber, pair.Leaf.NotAfter.Format(time.RFC3339))
	return c.found, nil
}
