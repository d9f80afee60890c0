// Each test starts several processes of its own: side by side they would only take the cores from one another.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
