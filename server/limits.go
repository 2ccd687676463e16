package server

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"

	"github.com/berth-registry/berth/api/front"
	"github.com/berth-registry/berth/lang/awswire"
	"github.com/berth-registry/berth/registry"
)

// Limits are how much and how often.
type Limits struct {
	Rate  []string `help:"How often in a second an account may call an operation in a region, as OPERATION=N (PutImage=10, sts:AssumeRole=5); \"ecr\" stands for the rates of ECR. A request of a container client counts as the operation that it is. Several are allowed, of which the last counts; without any there is no limit." env:"BERTH_RATE" placeholder:"OPERATION=N"`
	Quota []string `help:"How many there may be, as NAME=N (default: as in ECR): repositories of a registry (100000), images of a repository (100000), tags of an image (1000), rules of a lifecycle policy (50), creation templates (50) and principals excluded from pull times of a registry (100), uploads that a principal has open (10000); layer-bytes of a layer (54525952000), layer-parts of which UploadLayerPart makes it (4200), part-bytes of each (20971520)." env:"BERTH_QUOTA" placeholder:"NAME=N"`
}

var operationName = regexp.MustCompile(`^([a-z]+:)?[A-Z][A-Za-z]+$`)

// Validate finds what is no rate and no quota.
func (l *Limits) Validate() error {
	_, err := l.rates()
	_, other := l.quotas()
	return errors.Join(err, other)
}

// rates are by operation, as "ecr:PutImage".
func (l *Limits) rates() (map[string]float64, error) {
	rates := map[string]float64{}
	for _, text := range l.Rate {
		if text == "ecr" {
			maps.Copy(rates, front.DefaultRates())
			continue
		}
		operation, number, ok := strings.Cut(text, "=")
		n, err := strconv.ParseFloat(number, 64)
		if !ok || err != nil || !(n > 0 && n <= 1e6) || !operationName.MatchString(operation) {
			return nil, fmt.Errorf("--rate: %q is not OPERATION=N, such as PutImage=10, with N above 0 and at most 1000000, nor ecr", text)
		}
		if !strings.Contains(operation, ":") {
			operation = "ecr:" + operation
		}
		rates[operation] = n
	}
	return rates, nil
}

// front bounds the rates of operations that services have; nil if none is bounded.
func (l *Limits) front(services []*awswire.Service) (*front.Rates, error) {
	rates, err := l.rates()
	if err != nil || len(rates) == 0 {
		return nil, err
	}
	known := map[string]bool{}
	for _, s := range services {
		for _, op := range s.Operations() {
			known[s.Model().SigningName+":"+op.Name] = true
		}
	}
	for operation := range rates {
		if !known[operation] {
			return nil, fmt.Errorf("--rate: there is no operation %s", operation)
		}
	}
	return front.NewRates(rates), nil
}

// quotas are those that were given.
func (l *Limits) quotas() (q registry.Limits, err error) {
	for _, text := range l.Quota {
		name, number, ok := strings.Cut(text, "=")
		n, err := strconv.Atoi(number)
		if !ok || err != nil || n < 1 {
			return q, fmt.Errorf("--quota: %q is not NAME=N, such as repositories=1000", text)
		}
		switch name {
		case "repositories":
			q.Repositories = int64(n)
		case "images":
			q.Images = int64(n)
		case "tags":
			q.ImageTags = n
		case "layer-bytes":
			if q.LayerBytes = int64(n); n > 52_000<<20 {
				return q, fmt.Errorf("--quota: a layer has at most 54525952000 bytes")
			}
		case "layer-parts":
			q.LayerParts = int64(n)
		case "part-bytes":
			if q.PartBytes = int64(n); n < 5<<20 || n > 20<<20 {
				return q, fmt.Errorf("--quota: a part of a layer has from 5242880 to 20971520 bytes")
			}
		case "uploads":
			q.Uploads = n
		case "rules":
			if q.Rules = n; n > 50 {
				return q, fmt.Errorf("--quota: a lifecycle policy has at most 50 rules")
			}
		case "templates":
			q.Templates = n
		case "exclusions":
			q.Exclusions = n
		default:
			return q, fmt.Errorf("--quota: there is none for %q, but for repositories, images, tags, rules, templates, exclusions, uploads, layer-bytes, layer-parts and part-bytes", name)
		}
	}
	return q, nil
}
