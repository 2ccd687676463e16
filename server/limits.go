package server

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/berth-registry/berth/api/front"
	"github.com/berth-registry/berth/lang/awswire"
	"github.com/berth-registry/berth/registry"
)

// Limits are how much and how often.
type Limits struct {
	Rate  []string `help:"How often in a second an account may call an operation in a region, as OPERATION=N (PutImage=10, sts:AssumeRole=5); \"ecr\" stands for the rates of ECR. A request of a container client counts as the operation that it is. Several are allowed, of which the last counts; without any there is no limit." env:"BERTH_RATE" placeholder:"OPERATION=N"`
	Quota []string `help:"How many there may be, as NAME=N (default: as in ECR): repositories of a registry (100000), images of a repository (100000), tags of an image (1000), rules of a lifecycle policy (50), creation templates (50) and exclusions of principals from pull times (100) of a registry, uploads that a principal has open (10000); layer-bytes of a layer (54525952000), layer-parts of which UploadLayerPart makes it (4200), part-bytes of each (20971520)." env:"BERTH_QUOTA" placeholder:"NAME=N"`
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
func (l *Limits) quotas() (limits registry.Limits, err error) {
	known := registry.Quotas()
	for _, text := range l.Quota {
		name, number, ok := strings.Cut(text, "=")
		n, err := strconv.ParseInt(number, 10, 64)
		if !ok || err != nil || n < 1 {
			return limits, fmt.Errorf("--quota: %q is not NAME=N, such as repositories=1000", text)
		}
		i := slices.IndexFunc(known, func(q registry.Quota) bool { return q.Name == name })
		if i < 0 {
			var names []string
			for _, q := range known {
				names = append(names, q.Name)
			}
			return limits, fmt.Errorf("--quota: there is none for %q, but for %s", name, strings.Join(names, ", "))
		}
		if err := known[i].Set(&limits, n); err != nil {
			return limits, fmt.Errorf("--quota: %w", err)
		}
	}
	return limits, nil
}
