from hypothesis import HealthCheck, settings

# How long a busy machine takes to draw an example says nothing about the code
settings.register_profile(
    'any machine', deadline=None, suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile('any machine')
