package audit

import (
	"testing"
	"time"

	"github.com/berth-registry/berth/lang/policy"
)

// BenchmarkPack is what a record of a pull costs in the background, with and without what explains it.
func BenchmarkPack(b *testing.B) {
	r := Record{
		Time: time.Now(), RequestID: "01a2053b-1edf-7985-b710-046af83c6627", Principal: "arn:aws:iam::999888777666:user/CustomerDev", Account: "999888777666", AccessKeyID: "AKIAIOSFODNN7EXAMPLE",
		SourceIP: "203.0.113.7", UserAgent: "docker/28.0", Action: "ecr:BatchGetImage", Region: "us-east-2", Resource: "arn:aws:ecr:us-east-2:111222333444:repository/rake-app", Owner: "111222333444",
		Digest: "sha256:4835c57c183d6a64bb71df359cd6d71e5ad4da7f238d0ab0b9ba9fb0bd60cfd1", Decision: "Allow", Layer: "resource", Policy: "repository policy", Statement: "AllowPull", Status: 200,
	}
	with := r
	with.Evidence = Evidence{
		Principal: &policy.Principal{Type: policy.User, ARN: r.Principal, Account: r.Account, ID: "AIDACKCEVSQ6C2EXAMPLE"}, Secure: true,
		Caller: NewPiece("caller"), Resource: NewPiece("resource"), Callers: NewPiece("callers"), Owners: NewPiece("owners"),
	}
	for name, record := range map[string]Record{"bare": r, "with evidence": with} {
		b.Run(name, func(b *testing.B) {
			batch := make([]Record, 1000)
			for i := range batch {
				batch[i] = record
			}
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				packed, err := pack(batch)
				if err != nil {
					b.Fatal(err)
				}
				size = len(packed)
			}
			b.ReportMetric(float64(size)/1000, "bytes/record")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/record")
		})
	}
}
