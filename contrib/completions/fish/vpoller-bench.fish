complete -c vpoller-bench -s r -l request -d 'A request as JSON; inside its texts, {0-99} counts through that range, and {vm.discover} or {datastore.discover:info.url} through what that method lists. Given several times, they take turns' -r
complete -c vpoller-bench -s f -l file -d 'File with one such request a line, each with its weight before it if that is not 1' -r -F
complete -c vpoller-bench -s e -l endpoint -d 'The proxy\'s frontend' -r
complete -c vpoller-bench -s n -l clients -d 'Number of clients that ask at the same time' -r
complete -c vpoller-bench -s c -l count -d 'Number of requests in all; 10000 unless --duration is given' -r
complete -c vpoller-bench -s d -l duration -d 'End after this time instead' -r
complete -c vpoller-bench -l rate -d 'Requests a second of all clients together, whether others are answered or not; without, each client asks again when it has its reply' -r
complete -c vpoller-bench -s w -l warmup -d 'Number of requests before that, not measured' -r
complete -c vpoller-bench -s t -l timeout -d 'How long a client waits for one reply, in milliseconds' -r
complete -c vpoller-bench -l echo -d 'Also measure the proxy alone, with a worker of our own connected to its backend at this endpoint' -r
complete -c vpoller-bench -l rounds -d 'Measure so often, requests and echo in turns; ratios are medians then' -r
complete -c vpoller-bench -l worker -d 'Report processor time and memory of the worker with this management endpoint; it must run on this machine' -r
complete -c vpoller-bench -l worker-pid -d 'The same for a process' -r
complete -c vpoller-bench -l json -d 'Print the result as JSON'
complete -c vpoller-bench -s v -l version -d 'Print the version'
complete -c vpoller-bench -s h -l help -d 'Print help'
