complete -c vpoller-bench -s r -l request -d 'A request as JSON; {0-99} inside a text counts through that range. Given several times, they take turns' -r
complete -c vpoller-bench -s f -l file -d 'File with one request a line' -r -F
complete -c vpoller-bench -s e -l endpoint -d 'The proxy\'s frontend' -r
complete -c vpoller-bench -s n -l clients -d 'Number of clients that ask at the same time' -r
complete -c vpoller-bench -s c -l count -d 'Number of requests in all' -r
complete -c vpoller-bench -s w -l warmup -d 'Number of requests before that, not measured' -r
complete -c vpoller-bench -s t -l timeout -d 'How long a client waits for one reply, in milliseconds' -r
complete -c vpoller-bench -l echo -d 'Also measure the proxy alone, with a worker of our own connected to its backend at this endpoint' -r
complete -c vpoller-bench -l json -d 'Print the result as JSON'
complete -c vpoller-bench -s v -l version -d 'Print the version'
complete -c vpoller-bench -s h -l help -d 'Print help'
